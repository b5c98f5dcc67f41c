// bursar trace and unkeyed: list events of a pipeline, each with the batch, file and row in which it was received.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"bursar/internal/app"
	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/project"
	"bursar/internal/reconcile/query"
	"bursar/internal/reconcile/runs"

	"github.com/spf13/cobra"
)

func (c *cli) traceCommand() *cobra.Command {
	var o rowFlags
	cmd := &cobra.Command{
		Use:   "trace PIPELINE KEY…",
		Short: "Show the events behind an artifact, with file and row",
		Long: `Shows the runs that changed an artifact, and each of their events with its batch, file and row. For events of statements,
the row is line:column in the file that the bank sent. Give the key as for get.

In a stream that keeps versions, all versions of an event are shown, within a run in the order of receipt. "received" in the
JSON orders them over all runs: the number of the file within the stream, then the row. A row that left the quarantine counts
as received where it was first read.

Retractions of these events, or of a whole batch that contains some, are listed with their reasons if they were undone.

The table summarises each event: its time and amounts, the columns with declared values, and for a bank's entry the party,
text and reference. The other formats have every column, after _run, _stream, _batch, _file, _row and _place.

The events of each run that are found in its batches must be as many as it folded; otherwise the exit code is 4.`,
		Example: `  bursar trace orders o-1003 USD
  bursar trace orders '["o-1003","USD"]' --json
  bursar trace days DE02120300000000202051 EUR 2026-03-02 --format vertical
  bursar trace orders o-1003 USD --to events.csv`,
		RunE: onPipeline(c.toList(&o), func(ctx context.Context, a *app.App, p *project.Pipeline, key []string) error {
			return c.trace(ctx, a, p, key, &o)
		}),
	}
	o.addTo(cmd, 50, "events")
	return cmd
}

func (c *cli) trace(ctx context.Context, a *app.App, p *project.Pipeline, values []string, o *rowFlags) error {
	key, err := keyText(p, values)
	if err != nil {
		return err
	}
	events := c.eventListing(a, p)
	var traced query.Traced
	events.after = func(w io.Writer, rows int) {
		fmt.Fprintf(w, "%s %s, run %d, watermark %s\n", p.Name, printable(string(traced.Key)), traced.Run, formatTime(traced.Watermark))
		fmt.Fprintf(w, "%s in %s, the same number as was folded.\n", plural(rows, "event", "events"), plural(len(traced.Runs), "run", "runs"))
		for i := range traced.Undone {
			u := &traced.Undone[i]
			fmt.Fprintf(w, "%s was retracted at %s%s, and counts again since %s.\n", capitalize(printable(u.What())), formatTime(&u.At), inBrackets(u.Reason), formatTime(&u.Undone))
		}
	}
	return printRows(c, o, events, func(add func(listedEvent) error) (err error) {
		traced, err = a.Queries.Trace(ctx, p.Name, key, func(e query.TracedEvent) error { return add(newListedEvent(a, e)) })
		events.more = map[string]any{"key": traced.Key, "run": traced.Run, "watermark": traced.Watermark, "runs": traced.Runs}
		if len(traced.Undone) > 0 {
			events.more["undone"] = traced.Undone
		}
		return withVerifyHint(err, p.Name)
	})
}

func (c *cli) unkeyedCommand() *cobra.Command {
	var o rowFlags
	cmd := &cobra.Command{
		Use:   "unkeyed PIPELINE",
		Short: "List events that have no key and are in no artifact",
		Long: `Lists the events of published runs in which a column or expression of the pipeline's key is null. They are in no artifact.
Each is shown with its batch, file and row; for events of statements, the row is line:column in the file that the bank sent.
--json lists all of them with their columns, and their totals by stream; the other formats are as in trace.

The events of each run that are found in its batches must be as many as it counted; otherwise the exit code is 4.`,
		Example: `  bursar unkeyed books
  bursar unkeyed books --limit 200
  bursar unkeyed books --to unkeyed.csv
  bursar unkeyed books --json`,
		RunE: onPipeline(c.toList(&o), func(ctx context.Context, a *app.App, p *project.Pipeline, _ []string) error {
			return c.unkeyed(ctx, a, p, &o)
		}),
	}
	o.addTo(cmd, 50, "events")
	return cmd
}

func (c *cli) unkeyed(ctx context.Context, a *app.App, p *project.Pipeline, o *rowFlags) error {
	events := c.eventListing(a, p)
	events.after = func(w io.Writer, rows int) {
		if rows == 0 {
			fmt.Fprintf(w, "Every event of %s has a key.\n", p.Name)
			return
		}
		fmt.Fprintf(w, "%s no key and no artifact.\n", plural(rows, "event of "+p.Name+" has", "events of "+p.Name+" have"))
	}
	return printRows(c, o, events, func(add func(listedEvent) error) error {
		all, err := a.Queries.Unkeyed(ctx, p.Name, func(e query.UnkeyedEvent) error {
			listed := newListedEvent(a, e.TracedEvent)
			listed.Time = e.Time
			return add(listed)
		})
		events.more = map[string]any{"unkeyed": all.Events(), "streams": unkeyedByStream(all)}
		return withVerifyHint(err, p.Name)
	})
}

// unkeyedStream is the number of events without a key in one stream, and their totals.
type unkeyedStream struct {
	Events int64        `json:"events"`
	Totals event.Totals `json:"totals"`
}

func unkeyedByStream(all runs.Unkeyed) map[string]unkeyedStream {
	streams := map[string]unkeyedStream{}
	for name, own := range all {
		streams[name] = unkeyedStream{own.Events, own.Totals}
	}
	return streams
}

// printUnkeyed reports events of a pipeline that are in no artifact.
func printUnkeyed(w io.Writer, pipeline string, events int64) {
	if events > 0 {
		fmt.Fprintf(w, "%s no key and no artifact: bursar unkeyed %s\n", plural(events, "event of "+pipeline+" has", "events of "+pipeline+" have"), pipeline)
	}
}

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
	if errors.As(err, new(*query.UntracedError)) {
		return withHint(err, "`bursar verify %s` finds what is damaged", pipeline)
	}
	return err
}

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
