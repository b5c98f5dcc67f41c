// bursar unkeyed: lists events that have no key and are therefore in no artifact.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"bursar/internal/app"
	"bursar/internal/event"
	"bursar/internal/reconcile"

	"github.com/spf13/cobra"
)

func (c *cli) unkeyedCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "unkeyed PIPELINE",
		Short: "List events that have no key and are in no artifact",
		Long: `Lists the events of published runs in which a column or expression of the pipeline's key is null. They are in no artifact.
Each is shown with its batch, file and row; for events of statements, the row is line:column in the file that the bank sent.
--json lists all of them with their columns, and their totals by stream.

The events of each run that are found in its batches must be as many as it counted; otherwise the exit code is 4.`,
		Example: `  bursar unkeyed books
  bursar unkeyed books --limit 200
  bursar unkeyed books --json`,
		Args:              argCount(1, 1),
		ValidArgsFunction: c.completePipeline,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.openToRead(cmd, func(ctx context.Context, a *app.App) error {
				if _, err := findPipeline(a, args[0]); err != nil {
					return err
				}
				return c.unkeyed(ctx, a, args[0], limit)
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 50, "maximum number of events in the table")
	return cmd
}

// unkeyedEvent is one event of `unkeyed --json`.
type unkeyedEvent struct {
	reconcile.UnkeyedEvent
	Place string `json:"place,omitempty"` // for an event of a statement: line:column in the file
}

// eachUnkeyed calls each for the events of a pipeline that have no key.
func eachUnkeyed(ctx context.Context, a *app.App, name string, each func(unkeyedEvent) error) (reconcile.Unkeyed, error) {
	all, err := a.Engine.Unkeyed(ctx, name, func(e reconcile.UnkeyedEvent) error {
		found := unkeyedEvent{UnkeyedEvent: e}
		if a.Project.Stream(e.Stream).Builtin {
			found.Row, found.Place = statementPlace(e.Event, e.Row)
		}
		return each(found)
	})
	var other *reconcile.UnkeyedError
	if errors.As(err, &other) {
		err = withHint(err, "`bursar verify %s` finds what is damaged", name)
	}
	return all, err
}

func (c *cli) unkeyed(ctx context.Context, a *app.App, name string, limit int) error {
	if c.json {
		about := map[string]any{}
		return c.list("events", about, func(add func(any) error) error {
			all, err := eachUnkeyed(ctx, a, name, func(e unkeyedEvent) error { return add(e) })
			about["unkeyed"], about["streams"] = all.Events(), unkeyedByStream(all)
			return err
		})
	}
	g := newGrid("run", "stream", "batch", "event", "content", "file", "row")
	all, err := eachUnkeyed(ctx, a, name, func(e unkeyedEvent) error {
		if len(g.rows) >= limit {
			return nil // the total comes from the counts of the runs
		}
		s := a.Project.Stream(e.Stream)
		g.add(formatCount(e.Run), e.Stream, formatCount(e.Batch), strings.Join(keyTexts(e.ID, len(s.IDColumns())), " "), eventSummary(s, e.Event),
			c.displayName(e.File), formatRow(e.Row, e.Place))
		return nil
	})
	if err != nil {
		return err
	}
	return c.result(nil, func(w io.Writer) {
		total := int(all.Events())
		if total == 0 {
			fmt.Fprintf(w, "Every event of %s has a key.\n", name)
			return
		}
		c.printLimited(w, g, total)
		fmt.Fprintf(w, "%s no key and no artifact.\n", plural(total, "event of "+name+" has", "events of "+name+" have"))
	})
}

// unkeyedStream is the number of events without a key in one stream, and their totals.
type unkeyedStream struct {
	Events int64        `json:"events"`
	Totals event.Totals `json:"totals"`
}

func unkeyedByStream(all reconcile.Unkeyed) map[string]unkeyedStream {
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
