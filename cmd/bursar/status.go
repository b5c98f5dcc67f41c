// bursar status: shows the state of every pipeline.

package main

import (
	"cmp"
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
			return c.openToList(cmd, &o, func(ctx context.Context, a *app.App) error {
				list, err := a.Queries.Status(ctx)
				if err != nil {
					return err
				}
				if o.format != listFormat && !o.isOwnTable() {
					return c.statusRows(&o, list)
				}
				all, errs := projectStatus{Pipelines: list}, [5]error{}
				all.Stranded, errs[0] = a.Stranded(ctx)
				all.Losses, errs[1] = a.Losses()
				all.Retracted, errs[2] = a.Retractions(ctx)
				all.GivenUp, errs[3] = a.GivenUp(ctx)
				all.Quarantine, errs[4] = a.InQuarantine(ctx)
				if err := cmp.Or(errs[:]...); err != nil {
					return err
				}
				return c.printStatus(&all)
			})
		},
	}
	o.addTo(cmd, 0, "")
	return cmd
}

// statusRows prints the pipelines alone.
func (c *cli) statusRows(o *rowFlags, pipelines []query.Status) error {
	l := listing[*query.Status]{fields: typedFields("pipeline string, generation bigint, runs bigint, backlog bigint, backlog_events bigint, watermark timestamp, " +
		"artifacts bigint, unkeyed bigint")}
	builder := newRowBuilder(l.fields)
	l.values = func(s *query.Status) ([]cell, error) {
		return builder.row(s.Pipeline, s.Generation, s.Runs, s.Backlog, s.BacklogEvents, s.Watermark, s.Artifacts, s.Unkeyed)
	}
	_, err := printRows(c, o, &l, func(add func(*query.Status) error) error {
		for i := range pipelines {
			if err := add(&pipelines[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

// projectStatus is the output of `status --json`.
type projectStatus struct {
	GivenUp    []event.GivenUp         `json:"given_up,omitempty"`
	Losses     []spool.Loss            `json:"losses,omitempty"`
	Pipelines  []query.Status          `json:"pipelines"`
	Quarantine []event.QuarantineCount `json:"quarantine,omitempty"`
	Retracted  []event.Retraction      `json:"retracted,omitempty"`
	Stranded   []app.Stranded          `json:"stranded,omitempty"`
}

func (c *cli) printStatus(all *projectStatus) error {
	return c.result(all, func(w io.Writer) {
		for i := range all.Retracted {
			r := &all.Retracted[i]
			fmt.Fprintf(w, "%s is retracted since %s%s: %s left out.\n", capitalize(printable(r.What())), formatTime(&r.At), inBrackets(r.Reason), plural(r.Events, "event", "events"))
		}
		for i := range all.GivenUp {
			fmt.Fprintf(w, "%s was missing and was given up%s at %s.\n", capitalize(printable(all.GivenUp[i].What())), inBrackets(all.GivenUp[i].Reason), formatTime(&all.GivenUp[i].At))
		}
		for _, q := range all.Quarantine {
			if q.Rows > 0 {
				fmt.Fprintf(w, "In quarantine: %s of %s: bursar quarantine %s\n", plural(q.Rows, "row", "rows"), q.Stream, q.Stream)
			}
		}
		for _, l := range all.Losses {
			fmt.Fprintf(w, "%s acknowledged requests may be lost: %s\n", checkMark(false), printable(l.String()))
		}
		for _, s := range all.Stranded {
			fmt.Fprintf(w, "Acknowledged events are not sealed: %s.\n", printable(s.String()))
		}
		if len(all.Pipelines) == 0 {
			fmt.Fprintln(w, "The project does not declare a pipeline yet.")
			return
		}
		next := ""
		if i := slices.IndexFunc(all.Quarantine, func(q event.QuarantineCount) bool { return q.Rows > 0 }); i >= 0 {
			next = "bursar quarantine " + all.Quarantine[i].Stream
		}
		g := newGrid("pipeline", "generation", "runs", "backlog", "events waiting", "watermark", "artifacts")
		g.hint = columnsHint
		for _, s := range all.Pipelines {
			g.add(s.Pipeline, formatCount(s.Generation), formatCount(s.Runs), formatCount(s.Backlog), formatCount(s.BacklogEvents), formatTime(s.Watermark),
				formatCount(s.Artifacts))
			if s.Backlog > 0 && !needsChange(&s) {
				next = "bursar run"
			}
		}
		g.print(w, width(c.out))
		for _, s := range all.Pipelines {
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
