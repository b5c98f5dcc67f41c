// bursar trace: lists the events behind an artifact and the source of each.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"bursar/internal/app"
	"bursar/internal/project"
	"bursar/internal/reconcile"

	"github.com/spf13/cobra"
)

func (c *cli) traceCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "trace PIPELINE KEY…",
		Short: "Show the events behind an artifact, with file and row",
		Long: `Shows the runs that changed an artifact, and each of their events with its batch, file and row. For events of statements,
the row is line:column in the file that the bank sent. Give the key as for get.

In a stream that keeps versions, all versions of an event are shown, within a run in the order of receipt. "received" in the
JSON orders them over all runs: the number of the file within the stream, then the row. A row that left the quarantine counts
as received where it was first read.

Retractions of these events, or of a whole batch that contains some, are listed with their reasons if they were undone.

The events of each run that are found in its batches must be as many as it folded; otherwise the exit code is 4.`,
		Example: `  bursar trace orders o-1003 USD
  bursar trace orders '["o-1003","USD"]' --json
  bursar trace days DE02120300000000202051 EUR 2026-03-02 --limit 200`,
		Args:              argCount(2, -1),
		ValidArgsFunction: c.completePipeline,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.openToRead(cmd, func(ctx context.Context, a *app.App) error {
				return c.trace(ctx, a, args[0], args[1:], limit)
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 50, "maximum number of events in the table")
	return cmd
}

// tracedEvent is one event of `trace --json`.
type tracedEvent struct {
	reconcile.TracedEvent
	Place string `json:"place,omitempty"` // for an event of a statement: line:column in the file
}

func (c *cli) trace(ctx context.Context, a *app.App, name string, values []string, limit int) error {
	_, key, err := parseKey(a, name, values)
	if err != nil {
		return err
	}
	if c.json {
		about := map[string]any{}
		return c.list("events", about, func(add func(any) error) error {
			traced, err := eachTraced(ctx, a, name, key, func(e tracedEvent) error { return add(e) })
			about["key"], about["run"], about["watermark"], about["runs"] = traced.Key, traced.Run, traced.Watermark, traced.Runs
			if len(traced.Undone) > 0 {
				about["undone"] = traced.Undone
			}
			return err
		})
	}
	g, total := newGrid("run", "stream", "batch", "event", "content", "file", "row"), 0
	traced, err := eachTraced(ctx, a, name, key, func(e tracedEvent) error {
		if total++; total <= limit {
			s := a.Project.Stream(e.Stream)
			id := strings.Join(keyTexts(e.ID, len(s.IDColumns())), " ")
			g.add(formatCount(e.Run), e.Stream, formatCount(e.Batch), id, eventSummary(s, e.Event), c.displayName(e.File), formatRow(e.Row, e.Place))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.result(nil, func(w io.Writer) { c.printTraced(w, name, &traced, g, total) })
}

// eachTraced calls each for the events of an artifact.
func eachTraced(ctx context.Context, a *app.App, name, key string, each func(tracedEvent) error) (reconcile.Traced, error) {
	traced, err := a.Engine.Trace(ctx, name, key, func(e reconcile.TracedEvent) error {
		found := tracedEvent{TracedEvent: e}
		if a.Project.Stream(e.Stream).Builtin {
			found.Row, found.Place = statementPlace(e.Event, e.Row)
		}
		return each(found)
	})
	return traced, withVerifyHint(err, name)
}

func (c *cli) printTraced(w io.Writer, name string, traced *reconcile.Traced, g *grid, total int) {
	fmt.Fprintf(w, "%s %s, run %d, watermark %s\n", name, printable(string(traced.Key)), traced.Run, formatTime(traced.Watermark))
	c.printLimited(w, g, total)
	fmt.Fprintf(w, "%s in %s, the same number as was folded.\n", plural(total, "event", "events"), plural(len(traced.Runs), "run", "runs"))
	for i := range traced.Undone {
		u := &traced.Undone[i]
		fmt.Fprintf(w, "%s was retracted at %s%s, and counts again since %s.\n", capitalize(printable(u.What())), formatTime(&u.At), inBrackets(u.Reason), formatTime(&u.Undone))
	}
}

// eventSummary returns the time of an event and the values that the totals of its stream sum.
func eventSummary(s *project.Stream, text json.RawMessage) string {
	values := map[string]string{}
	for _, f := range fieldsOf(text) {
		values[f.name] = f.text()
	}
	names := []string{s.Time}
	for _, t := range s.Totals {
		names = append(names, t.Sum, t.By)
	}
	var texts []string
	for _, name := range names {
		if text, there := values[name]; there && text != noValue {
			texts = append(texts, text)
		}
		delete(values, name) // two totals may sum the same column
	}
	return strings.Join(texts, " ")
}

// withVerifyHint adds the next step if events of the artifact cannot be found.
func withVerifyHint(err error, name string) error {
	var broken *reconcile.UntracedError
	if errors.As(err, &broken) {
		return withHint(err, "`bursar verify %s` finds what is damaged", name)
	}
	return err
}
