// Prints events of a pipeline, each with the batch, file and row in which it was received.

package main

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"bursar/internal/app"
	"bursar/internal/column"
	"bursar/internal/project"
	"bursar/internal/reconcile/query"
)

// placeFields are the columns before those of the events. Declared names do not begin with _.
var placeFields = typedFields("_run bigint, _stream string, _batch bigint, _file string, _row bigint, _place string")

// listedEvent is one event of `trace --json` or `unkeyed --json`.
type listedEvent struct {
	query.TracedEvent
	Time  json.RawMessage `json:"time,omitempty"`  // of an event without a key: when it happened
	Place string          `json:"place,omitempty"` // for an event of a statement: line:column in the file
}

func newListedEvent(a *app.App, e query.TracedEvent) listedEvent {
	listed := listedEvent{TracedEvent: e}
	if a.Project.Stream(e.Stream).Builtin {
		listed.Row, listed.Place = statementPlace(e.Event, e.Row)
	}
	return listed
}

// withVerifyHint adds the next step if a run counted other events than its batches contain.
func withVerifyHint(err error, pipeline string) error {
	if errors.As(err, new(*query.UntracedError)) || errors.As(err, new(*query.UnkeyedError)) {
		return withHint(err, "`bursar verify %s` finds what is damaged", pipeline)
	}
	return err
}

// eventListing describes events of a pipeline.
func (c *cli) eventListing(a *app.App, p *project.Pipeline) *listing[listedEvent] {
	l := &listing[listedEvent]{name: "events", fields: slices.Concat(placeFields, a.Project.Events(p).Types()), currency: currencyColumn}
	for _, s := range p.From {
		for _, t := range a.Project.Stream(s).Totals {
			if t.By != "" {
				l.currency = t.By
			}
		}
	}
	l.row = func(e listedEvent) []any {
		own := map[string]any{}
		for _, f := range fieldsOf(e.Event) {
			if string(f.value) != "null" {
				own[f.name] = textOf(f.value)
			}
		}
		values := []any{e.Run, e.Stream, e.Batch, e.File, e.Row, e.Place}
		for _, f := range l.fields[len(placeFields):] {
			values = append(values, own[f.Name])
		}
		return values
	}
	l.grid = newGrid("run", "stream", "batch", "event", "content", "file", "row").wrap("event").wrap("content").wrap("file")
	l.cells = func(e listedEvent) []string {
		s := a.Project.Stream(e.Stream)
		id := strings.Join(keyTexts(e.ID, len(s.IDColumns())), " ")
		return []string{formatCount(e.Run), e.Stream, formatCount(e.Batch), id, eventSummary(s, e.Event, width(c.out) > 0), c.displayName(e.File), formatRow(e.Row, e.Place)}
	}
	return l
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
