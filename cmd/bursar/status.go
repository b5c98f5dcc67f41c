// bursar status: shows the state of every pipeline.

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"

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

In csv, jsonl and parquet, only the pipelines are listed; --json has everything.`,
		Example: `  bursar status
  bursar status --format csv
  bursar status --json`,
		RunE: onProject(c.toList(&o), func(ctx context.Context, a *app.App, _ []string) error { return c.status(ctx, a, &o) }),
	}
	o.addTo(cmd, 0, "")
	return cmd
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

func (c *cli) status(ctx context.Context, a *app.App, o *rowFlags) error {
	list, err := a.Queries.Status(ctx)
	if err != nil {
		return err
	}
	all, errs := projectStatus{Pipelines: list}, [5]error{}
	if !o.forPeople() && o.format != listFormat {
		return c.printStatus(o, &all)
	}
	all.Stranded, errs[0] = a.Stranded(ctx)
	all.Losses, errs[1] = a.Losses(ctx)
	all.Retracted, errs[2] = a.Retractions(ctx)
	all.GivenUp, errs[3] = a.GivenUp(ctx)
	all.Quarantine, errs[4] = a.InQuarantine(ctx)
	if err := cmp.Or(errs[:]...); err != nil {
		return err
	}
	return c.printStatus(o, &all)
}

// printStatus prints the pipelines and, for people, what to know of the project before them and of each pipeline after them.
func (c *cli) printStatus(o *rowFlags, all *projectStatus) error {
	if o.format == listFormat {
		return c.result(all, nil)
	}
	l := listing[*query.Status]{
		fields: typedFields("pipeline string, generation bigint, runs bigint, backlog bigint, backlog_events bigint, watermark timestamp, " +
			"artifacts bigint, unkeyed bigint"),
		row: func(s *query.Status) []any {
			return []any{s.Pipeline, s.Generation, s.Runs, s.Backlog, s.BacklogEvents, s.Watermark, s.Artifacts, s.Unkeyed}
		},
		grid: newGrid("pipeline", "generation", "runs", "backlog", "events waiting", "watermark", "artifacts"),
		cells: func(s *query.Status) []string {
			return []string{
				s.Pipeline, formatCount(s.Generation), formatCount(s.Runs), formatCount(s.Backlog), formatCount(s.BacklogEvents),
				formatTime(s.Watermark), formatCount(s.Artifacts),
			}
		},
		before: func(w io.Writer) { printFindings(w, all) },
		after:  func(w io.Writer, _ int) { printPipelineStates(w, all) },
	}
	return printRows(c, o, &l, func(add func(*query.Status) error) error {
		for i := range all.Pipelines {
			if err := add(&all.Pipelines[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// printFindings prints what is retracted, given up, in quarantine, lost or not sealed.
func printFindings(w io.Writer, all *projectStatus) {
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
}

// printPipelineStates prints what a table of the pipelines does not show, and the next command.
func printPipelineStates(w io.Writer, all *projectStatus) {
	if len(all.Pipelines) == 0 {
		fmt.Fprintln(w, "The project does not declare a pipeline yet.")
		return
	}
	for _, s := range all.Pipelines {
		printUnkeyed(w, s.Pipeline, s.Unkeyed)
		if len(s.Changed) > 0 {
			fmt.Fprintf(w, "%s %s.\n", checkMark(false), printable(changedSince(s.Pipeline, s.Changed)))
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
	if next := nextOfStatus(all); next != "" {
		fmt.Fprintln(w, "next: "+next)
	}
}

// nextOfStatus is the command that the state of the project asks for; "" is none.
func nextOfStatus(all *projectStatus) (next string) {
	for _, q := range all.Quarantine {
		if q.Rows > 0 && next == "" {
			next = "bursar quarantine " + q.Stream
		}
	}
	for i := range all.Pipelines {
		if s := &all.Pipelines[i]; s.Backlog > 0 && !needsChange(s) {
			next = "bursar run"
		}
	}
	for i := range all.Pipelines {
		if s := &all.Pipelines[i]; len(s.Changed) > 0 {
			next = "bursar rebuild " + s.Pipeline
		}
	}
	return next
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
