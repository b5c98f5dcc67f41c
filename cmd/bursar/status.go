// bursar status: shows the state of every pipeline.

package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"bursar/internal/app"
	"bursar/internal/event"
	"bursar/internal/event/live/spool"
	"bursar/internal/failure"
	"bursar/internal/reconcile/query"

	"github.com/spf13/cobra"
)

func (c *cli) statusCommand() *cobra.Command {
	var o rowFlags
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show backlog, watermark and artifacts of every pipeline",
		Long: `Shows for every pipeline: its generation, the number of published runs, the backlog (sealed batches that are in no published
run), the watermark (everything received before it is included), the number of artifacts and of events without a key, and the
current runs with their step and, if one stopped, the reason.

A pipeline that has changed since its artifacts were made is listed: it needs a rebuild. So does a pipeline that had folded
batches or events that were retracted or given up since.

Also shown: what is retracted or was given up; the number of rows of each stream that are in quarantine and not dismissed;
streams that are not declared any more but have acknowledged events that are not sealed; and, until
` + "`bursar repair --dismiss`" + `, requests that may have been lost with a damaged file.

With --columns, --to or a --format other than table, only the pipelines are listed; --json has everything.`,
		Example: `  bursar status
  bursar status --format csv
  bursar status --json`,
		Args: argCount(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(cmd, c.json); err != nil {
				return err
			}
			return c.openToRead(cmd, func(ctx context.Context, a *app.App) error {
				list, err := a.Queries.Status(ctx)
				if err != nil {
					return err
				}
				if !o.isOwnTable() || o.toFile() {
					return c.statusRows(&o, list)
				}
				stranded, err := a.Stranded(ctx)
				if err != nil {
					return err
				}
				losses, err := a.Losses()
				if err != nil {
					return err
				}
				retracted, err := a.Retractions(ctx)
				if err != nil {
					return err
				}
				givenUp, err := a.GivenUp(ctx)
				if err != nil {
					return err
				}
				rejected, err := a.InQuarantine(ctx)
				if err != nil {
					return err
				}
				return c.printStatus(list, stranded, losses, retracted, givenUp, rejected)
			})
		},
	}
	o.addTo(cmd, 0, "")
	return cmd
}

// statusRows prints the pipelines alone.
func (c *cli) statusRows(o *rowFlags, pipelines []query.Status) error {
	l := listing{fields: typedFields("pipeline string, generation bigint, runs bigint, backlog bigint, backlog_events bigint, watermark timestamp, " +
		"artifacts bigint, unkeyed bigint")}
	builder := newRowBuilder(l.fields)
	_, err := c.printRows(o, &l, func(add rowSink) error {
		for i := range pipelines {
			s := &pipelines[i]
			values, err := builder.row(s.Pipeline, s.Generation, s.Runs, s.Backlog, s.BacklogEvents, s.Watermark, s.Artifacts, s.Unkeyed)
			if err == nil {
				err = add(s, values)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

func (c *cli) printStatus(pipelines []query.Status, stranded []app.Stranded, losses []spool.Loss, retracted []event.Retraction, givenUp []event.GivenUp, rejected []event.QuarantineCount) error {
	value := map[string]any{"pipelines": pipelines}
	if len(stranded) > 0 {
		value["stranded"] = stranded
	}
	if len(losses) > 0 {
		value["losses"] = losses
	}
	if len(retracted) > 0 {
		value["retracted"] = retracted
	}
	if len(givenUp) > 0 {
		value["given_up"] = givenUp
	}
	if len(rejected) > 0 {
		value["quarantine"] = rejected
	}
	return c.result(value, func(w io.Writer) {
		for i := range retracted {
			r := &retracted[i]
			fmt.Fprintf(w, "%s is retracted since %s%s: %s left out.\n", capitalize(printable(r.What())), formatTime(&r.At), inBrackets(r.Reason), plural(r.Events, "event", "events"))
		}
		for i := range givenUp {
			fmt.Fprintf(w, "%s was missing and was given up%s at %s.\n", capitalize(printable(givenUp[i].What())), inBrackets(givenUp[i].Reason), formatTime(&givenUp[i].At))
		}
		for _, q := range rejected {
			if q.Rows > 0 {
				fmt.Fprintf(w, "In quarantine: %s of %s: bursar quarantine %s\n", plural(q.Rows, "row", "rows"), q.Stream, q.Stream)
			}
		}
		for _, l := range losses {
			fmt.Fprintf(w, "%s acknowledged requests may be lost: %s\n", checkMark(false), printable(l.String()))
		}
		for _, s := range stranded {
			fmt.Fprintf(w, "Acknowledged events are not sealed: %s.\n", printable(s.String()))
		}
		if len(pipelines) == 0 {
			fmt.Fprintln(w, "The project does not declare a pipeline yet.")
			return
		}
		next := ""
		if i := slices.IndexFunc(rejected, func(q event.QuarantineCount) bool { return q.Rows > 0 }); i >= 0 {
			next = "bursar quarantine " + rejected[i].Stream
		}
		g := newGrid("pipeline", "generation", "runs", "backlog", "events waiting", "watermark", "artifacts")
		g.hint = columnsHint
		for _, s := range pipelines {
			g.add(s.Pipeline, formatCount(s.Generation), formatCount(s.Runs), formatCount(s.Backlog), formatCount(s.BacklogEvents), formatTime(s.Watermark),
				formatCount(s.Artifacts))
			if s.Backlog > 0 && !needsChange(&s) {
				next = "bursar run"
			}
		}
		g.print(w, width(c.out))
		for _, s := range pipelines {
			printUnkeyed(w, s.Pipeline, s.Unkeyed)
			if len(s.Changed) > 0 {
				fmt.Fprintf(w, "%s %s.\n", checkMark(false), printable(changedSince(s.Pipeline, s.Changed)))
				next = "bursar rebuild " + s.Pipeline
			}
			for _, fold := range s.Without {
				fmt.Fprintf(w, "warning: %s\n", printable(foldWarning(s.Pipeline, fold, s.Counted)))
			}
			for _, run := range s.Lanes {
				fmt.Fprintf(w, "Run %d of %s is at %s: %s in %s.\n", run.Run, s.Pipeline, run.Step, plural(run.Events, "event", "events"), plural(run.Batches, "batch", "batches"))
				if t := run.Trouble; t != nil {
					fmt.Fprintf(w, "  It failed at %s: %s [%s]\n", formatTime(&t.At), printable(t.Message), t.Class)
					if t.Key != nil {
						fmt.Fprintf(w, "  Its key is %s.\n", printable(string(t.Key)))
					}
				}
			}
		}
		if next != "" {
			fmt.Fprintln(w, "next: "+next)
		}
	})
}

// needsChange reports whether a run failed with an error that repeats until a person changes something. Its message says what.
func needsChange(s *query.Status) bool {
	for i := range s.Lanes {
		if t := s.Lanes[i].Trouble; t != nil && t.Class == failure.Data.String() {
			return true
		}
	}
	return false
}
