// bursar status: shows the state of every pipeline.

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"bursar/internal/app"
	"bursar/internal/event"
	"bursar/internal/event/live/spool"
	"bursar/internal/failure"
	"bursar/internal/reconcile/query"
	"bursar/internal/warehouse/publish"
	"bursar/internal/warehouse/scheduled"

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

The tables of the warehouse are listed with the number of batches or runs that they lack, once something was published.

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
	Warehouse  []publish.TableStatus   `json:"warehouse,omitempty"`
	Scheduled  []scheduled.Status      `json:"scheduled,omitempty"`

	WarehouseError string `json:"warehouse_error,omitempty"` // why it is not known how far the warehouse is
}

func (c *cli) status(ctx context.Context, a *app.App, o *rowFlags) error {
	list, err := a.Queries.Status(ctx)
	if err != nil {
		return err
	}
	all, errs := projectStatus{Pipelines: list}, [6]error{}
	if !o.forPeople() && o.format != listFormat {
		return c.printStatus(o, &all)
	}
	all.Stranded, errs[0] = a.Stranded(ctx)
	all.Losses, errs[1] = a.Losses(ctx)
	all.Retracted, errs[2] = a.Retractions(ctx)
	all.GivenUp, errs[3] = a.GivenUp(ctx)
	all.Quarantine, errs[4] = a.InQuarantine(ctx)
	all.Scheduled, errs[5] = a.ScheduledTasks(ctx)
	if err := cmp.Or(errs[:]...); err != nil {
		return err
	}
	if all.Warehouse, err = a.WarehouseStatus(ctx); err != nil { // which does not keep the project from working
		all.WarehouseError = oneLine(err.Error())
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
		after: func(w io.Writer, _ int) {
			printPipelineStates(w, all)
			c.printWarehouse(w, all)
			c.printScheduled(w, all.Scheduled)
			if next := nextOfStatus(all); next != "" {
				fmt.Fprintln(w, "next: "+next)
			}
		},
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
	if len(all.Pipelines) == 0 && len(all.Scheduled) == 0 {
		fmt.Fprintln(w, "The project does not declare a pipeline yet.")
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
}

// printWarehouse prints how far the tables of the warehouse are.
func (c *cli) printWarehouse(w io.Writer, all *projectStatus) {
	if all.WarehouseError != "" {
		fmt.Fprintf(w, "warning: the warehouse cannot be read; what is sealed and published waits for it: %s\n", printable(all.WarehouseError))
	}
	if len(all.Warehouse) == 0 {
		return
	}
	g := newGrid("table", "rows", "waiting", "watermark")
	for i := range all.Warehouse {
		t := &all.Warehouse[i]
		g.add(t.Table, formatCount(t.Rows), waitingFor(t), formatTime(t.Watermark))
	}
	g.print(w, width(c.out))
	for i := range all.Warehouse {
		if t := &all.Warehouse[i]; t.Broken > 0 {
			fmt.Fprintf(w, "%s %s\n", checkMark(false), publish.Differing{Table: t.Table, Rows: t.Broken})
		}
		if t := &all.Warehouse[i]; t.Error != "" {
			fmt.Fprintf(w, "%s %s cannot be published: %s\n", checkMark(false), t.Table, printable(oneLine(t.Error)))
		}
	}
}

// printScheduled prints what has a schedule, and how it ended last.
func (c *cli) printScheduled(w io.Writer, list []scheduled.Status) {
	if len(list) == 0 {
		return
	}
	g := newGrid("scheduled", "schedule", "state", "next", "last ended", "with")
	for i := range list {
		t := &list[i]
		state := string(t.State)
		if len(t.WaitsFor) > 0 {
			state += ", after " + strings.Join(t.WaitsFor, ", ")
		}
		with := t.Done
		if t.Error != "" {
			with = "an error"
		}
		g.add(t.Task, t.Schedule, state, formatTime(t.Next), formatTime(t.Ended), with)
	}
	g.print(w, width(c.out))
	for i := range list {
		if t := &list[i]; t.Error != "" {
			fmt.Fprintf(w, "%s %s: %s\n", checkMark(false), t.Task, printable(oneLine(t.Error)))
		}
	}
}

// waitingFor says how many batches or runs a table lacks.
func waitingFor(t *publish.TableStatus) string {
	if t.Waiting == 0 && t.Behind {
		return "changes" // such as a retraction
	}
	return formatCount(t.Waiting)
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
