// Prints events of a pipeline, each with the batch, file and row in which it was received.

package main

import (
	"encoding/json"
	"slices"
	"strings"

	"bursar/internal/app"
	"bursar/internal/column"
	"bursar/internal/project"
	"bursar/internal/reconcile/query"
)

// placeFields are the columns before those of the events. Declared names do not begin with _.
var placeFields = []column.Field{
	{Name: "_run", Type: column.Type{Kind: column.BigInt}},
	{Name: "_stream", Type: column.Type{Kind: column.String}},
	{Name: "_batch", Type: column.Type{Kind: column.BigInt}},
	{Name: "_file", Type: column.Type{Kind: column.String}},
	{Name: "_row", Type: column.Type{Kind: column.BigInt}},
	{Name: "_place", Type: column.Type{Kind: column.String}},
}

// eventList makes the rows of a listing of events.
type eventList struct {
	listing
	c       *cli
	app     *app.App
	builder *rowBuilder
}

// listedEvent is an event of a list. Its place is line:column in the file, for an event of a statement.
type listedEvent interface {
	listed() (event *query.TracedEvent, place string)
}

func newEventList(c *cli, a *app.App, p *project.Pipeline) *eventList {
	l := &eventList{c: c, app: a}
	l.fields = slices.Concat(placeFields, a.Project.Events(p).Types())
	l.currency = currencyColumn
	for _, s := range p.From {
		for _, t := range a.Project.Stream(s).Totals {
			if t.By != "" {
				l.currency = t.By
			}
		}
	}
	l.grid = newGrid("run", "stream", "batch", "event", "content", "file", "row").wrap("event").wrap("content").wrap("file")
	l.cells = l.tableCells
	l.builder = newRowBuilder(l.fields)
	return l
}

// values returns the values of an event.
func (l *eventList) values(of listedEvent) ([]cell, error) {
	e, place := of.listed()
	own := map[string]any{}
	for _, f := range fieldsOf(e.Event) {
		if string(f.value) != "null" {
			own[f.name] = textOf(f.value)
		}
	}
	values := []any{e.Run, e.Stream, e.Batch, e.File, e.Row, place}
	for _, f := range l.fields[len(placeFields):] {
		values = append(values, own[f.Name])
	}
	return l.builder.row(values...)
}

func (l *eventList) tableCells(item any) []string {
	e, place := item.(listedEvent).listed() //nolint:errcheck,forcetypeassert // only such items are added
	s := l.app.Project.Stream(e.Stream)
	id := strings.Join(keyTexts(e.ID, len(s.IDColumns())), " ")
	return []string{formatCount(e.Run), e.Stream, formatCount(e.Batch), id, eventSummary(s, e.Event, width(l.c.out) > 0), l.c.displayName(e.File), formatRow(e.Row, place)}
}

// summaryColumns are columns of the built-in streams by which people recognise an entry.
var summaryColumns = []string{"party", "text", "reference"}

// eventSummary returns the values that say what an event is, each after its column: its time, its amounts with the group of their totals,
// its strings of few allowed values; for a bank's entry also the party, text and reference.
func eventSummary(s *project.Stream, text json.RawMessage, terminal bool) string {
	fields := fieldsOf(text)
	groups := map[string]string{} // by amount: the value of the column that its total is grouped by
	for _, t := range s.Totals {
		for _, f := range fields {
			if f.name == t.By {
				groups[t.Sum] = f.text()
			}
		}
	}
	var texts []string
	for _, f := range fields {
		c := s.Column(f.name)
		if c == nil || c.Is != "" || string(f.value) == "null" {
			continue
		}
		value, isAmount := f.text(), c.Type.Kind == column.Decimal
		if isAmount && terminal {
			value = formatMoney(value, groups[f.name])
		}
		if group := groups[f.name]; group != "" {
			value += " " + group
		}
		if isAmount || f.name == s.Time || c.In != nil && !slices.ContainsFunc(s.Totals, func(t project.Total) bool { return t.By == f.name }) || s.Builtin && slices.Contains(summaryColumns, f.name) {
			texts = append(texts, f.name+" "+value)
		}
	}
	return strings.Join(texts, ", ")
}
