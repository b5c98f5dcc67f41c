// bursar unkeyed: lists events that have no key and are therefore in no artifact.

package main

import (
	"context"
	"fmt"
	"io"

	"bursar/internal/app"
	"bursar/internal/event"
	"bursar/internal/project"
	"bursar/internal/reconcile/query"
	"bursar/internal/reconcile/runs"

	"github.com/spf13/cobra"
)

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
