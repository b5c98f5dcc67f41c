// bursar trace: lists the events behind an artifact and the source of each.

package main

import (
	"context"
	"fmt"
	"io"

	"bursar/internal/app"
	"bursar/internal/project"
	"bursar/internal/reconcile/query"

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
	events.after = func(w io.Writer, rows int) { printTraced(w, p.Name, &traced, rows) }
	return printRows(c, o, events, func(add func(listedEvent) error) (err error) {
		traced, err = a.Queries.Trace(ctx, p.Name, key, func(e query.TracedEvent) error { return add(newListedEvent(a, e)) })
		events.more = map[string]any{"key": traced.Key, "run": traced.Run, "watermark": traced.Watermark, "runs": traced.Runs}
		if len(traced.Undone) > 0 {
			events.more["undone"] = traced.Undone
		}
		return withVerifyHint(err, p.Name)
	})
}

func printTraced(w io.Writer, name string, traced *query.Traced, total int) {
	fmt.Fprintf(w, "%s %s, run %d, watermark %s\n", name, printable(string(traced.Key)), traced.Run, formatTime(traced.Watermark))
	fmt.Fprintf(w, "%s in %s, the same number as was folded.\n", plural(total, "event", "events"), plural(len(traced.Runs), "run", "runs"))
	for i := range traced.Undone {
		u := &traced.Undone[i]
		fmt.Fprintf(w, "%s was retracted at %s%s, and counts again since %s.\n", capitalize(printable(u.What())), formatTime(&u.At), inBrackets(u.Reason), formatTime(&u.Undone))
	}
}
