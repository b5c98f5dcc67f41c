// bursar run and rebuild: fold the backlog, or all events again, into artifacts.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"bursar/internal/app"
	"bursar/internal/project"
	"bursar/internal/reconcile/rebuild"
	"bursar/internal/reconcile/runs"

	"github.com/spf13/cobra"
)

func (c *cli) runCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "run [PIPELINE…]",
		Short: "Process the backlog, then return",
		Long: `Folds the sealed batches of the backlog into artifacts, for the named pipelines or for all, until the backlog is empty. A
run becomes visible as a whole, when its control totals balance; otherwise nothing of it is visible and the exit code is 4. The
next call completes an interrupted run. If at least a hundred events gave a fold no value, a warning says so: mostly its
condition or its column is wrong.`,
		Example: `  bursar run
  bursar run orders
  bursar run orders --json`,
		RunE: onProject(c.open, c.run),
	}
}

func (c *cli) run(ctx context.Context, a *app.App, names []string) error {
	for _, name := range names {
		if _, err := findPipeline(a, name); err != nil {
			return err
		}
	}
	if len(names) == 0 {
		names = pipelineNames(a.Project)
	}
	if len(names) == 0 {
		return c.printRuns(a, nil)
	}
	total, err := backlogEvents(ctx, a, names)
	if err != nil {
		return err
	}
	bar := c.meter("run", "events", total)
	published, err := a.Run(ctx, names, runProgress(bar, total))
	bar.done()
	if err != nil {
		if !c.json && len(published) > 0 {
			err = errors.Join(c.printRuns(a, published), err)
		}
		return &interruptedError{err, "published runs stay; `bursar run` continues from there"}
	}
	return errors.Join(c.printRuns(a, published), unfinishedRetraction(ctx, a))
}

// foldWarnings returns warnings about folds to which none of the events of the runs gave a value.
func foldWarnings(a *app.App, done []runs.Run) []string {
	var names, warnings []string
	given := map[string]*runs.FoldCounts{}
	for i := range done {
		name := done[i].Pipeline
		if given[name] == nil {
			given[name], names = &runs.FoldCounts{}, append(names, name)
		}
		given[name].Add(done[i].FoldCounts)
	}
	for _, name := range names {
		for _, fold := range given[name].WithoutValues(a.Queries.Folds(name)) {
			warnings = append(warnings, foldWarning(name, fold, given[name].Events))
		}
	}
	return warnings
}

func foldWarning(pipeline, fold string, events int64) string {
	return fmt.Sprintf("%s: none of %s events gave %s a value: check its `where` and its column", pipeline, formatCount(events), fold)
}

// nextCommand returns the commands that show the result of the runs: the exceptions of the pipelines that declare them, otherwise an
// export. Which pipelines have exceptions is not known before their artifacts are read.
func nextCommand(a *app.App, published []runs.Run) string {
	var commands []string
	for i := range published {
		if p := a.Project.Pipeline(published[i].Pipeline); p != nil && p.Exceptions.Where != "" {
			if command := "bursar exceptions " + p.Name; !slices.Contains(commands, command) {
				commands = append(commands, command)
			}
		}
	}
	if len(commands) > 0 {
		return strings.Join(commands, ", ")
	}
	return "bursar export " + published[0].Pipeline + " --to -"
}

func backlogEvents(ctx context.Context, a *app.App, names []string) (events int64, err error) {
	list, err := a.Queries.Status(ctx)
	if err != nil {
		return 0, err
	}
	for _, s := range list {
		if slices.Contains(names, s.Pipeline) {
			events += s.BacklogEvents
		}
	}
	return events, nil
}

// runProgress moves the bar by a fifth of the events of a run after each of its five steps.
func runProgress(bar *progressBar, total int64) func(app.Progress) {
	steps := runs.StepNames
	remaining := map[string]int64{} // events in the backlog, by pipeline
	initial := map[string]int64{}   // the same at the first report
	return func(p app.Progress) {
		bar.Describe(fmt.Sprintf("%s run %d %s", p.Pipeline, p.Run, p.Step))
		if _, known := initial[p.Pipeline]; !known {
			initial[p.Pipeline] = p.Backlog
		}
		remaining[p.Pipeline] = p.Backlog
		var done int64
		for name, events := range initial {
			done += events - remaining[name]
		}
		last := p.Step == steps[len(steps)-1]
		if !p.Done || !last {
			done += p.Events * int64(slices.Index(steps, p.Step)) / int64(len(steps))
		}
		bar.set(min(done, total))
	}
}

type runResult struct {
	Pipeline   string             `json:"pipeline"`
	Generation uint64             `json:"generation"`
	Run        uint64             `json:"run"`
	Batches    int                `json:"batches"`
	Events     int64              `json:"events"`
	Created    int64              `json:"created"`
	Updated    int64              `json:"updated"`
	Seconds    float64            `json:"seconds"`
	Steps      map[string]float64 `json:"steps"` // seconds
	Balanced   bool               `json:"balanced"`
	Values     map[string]int64   `json:"values,omitempty"` // events that gave each fold a value

	Unkeyed        int64                    `json:"unkeyed"`                   // events without a key, which are in no artifact
	UnkeyedStreams map[string]unkeyedStream `json:"unkeyed_streams,omitempty"` // the same by stream, with their totals
}

func newRunResult(r *runs.Run) runResult {
	row := runResult{
		Pipeline: r.Pipeline, Generation: r.Generation, Run: r.Run, Batches: len(r.Batches), Events: r.Events,
		Created: r.Created, Updated: r.Updated, Steps: map[string]float64{}, Balanced: r.Balanced,
		Unkeyed: r.Unkeyed.Events(), UnkeyedStreams: unkeyedByStream(r.Unkeyed),
	}
	if r.FoldCounts != nil {
		row.Values = r.FoldCounts.Values
	}
	for name, step := range r.Steps {
		row.Steps[string(name)] = step.Seconds
		row.Seconds += step.Seconds
	}
	return row
}

func (c *cli) printRuns(a *app.App, published []runs.Run) error {
	rows := make([]runResult, len(published))
	for i := range published {
		rows[i] = newRunResult(&published[i])
	}
	result, warnings := map[string]any{"runs": rows}, foldWarnings(a, published)
	if len(warnings) > 0 {
		result["warnings"] = warnings
	}
	return c.result(result, func(w io.Writer) {
		if len(rows) == 0 {
			fmt.Fprintln(w, "Nothing to do: the backlog is empty.")
			return
		}
		g := newGrid("pipeline", "run", "batches", "events", "created", "updated", "seconds", "balanced")
		for _, r := range rows {
			g.add(r.Pipeline, formatCount(r.Run), formatCount(r.Batches), formatCount(r.Events), formatCount(r.Created), formatCount(r.Updated),
				fmt.Sprintf("%.2f", r.Seconds), checkMark(r.Balanced))
		}
		g.print(w, width(c.out))
		unkeyed := int64(0) // of one pipeline, whose runs follow one another
		for i := range rows {
			unkeyed += rows[i].Unkeyed
			if name := rows[i].Pipeline; i == len(rows)-1 || rows[i+1].Pipeline != name {
				printUnkeyed(w, name, unkeyed)
				unkeyed = 0
			}
		}
		for _, warning := range warnings {
			fmt.Fprintf(w, "warning: %s\n", printable(warning))
		}
		fmt.Fprintf(w, "Published %s.\nnext: %s\n", plural(len(rows), "run", "runs"), nextCommand(a, published))
	})
}

func (c *cli) rebuildCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rebuild PIPELINE",
		Short: "Fold all events again into a new generation",
		Long: `Folds every sealed batch into the next generation of the pipeline, and switches to it when it is complete. Until then,
readers see the current generation, or get an error if the pipeline has changed. A rebuild makes a changed pipeline take
effect. It also proves that the artifacts match the events: for an unchanged pipeline the digests before and after are equal,
unless batches waited in the backlog or events were retracted, which is then reported. For equal digests, run ` + "`bursar run`" + ` first.

Batches are grouped into new runs, which are numbered from 1: the history that ` + "`bursar get`" + ` showed with --history and
--as-of is lost.`,
		Example: `  bursar rebuild orders
  bursar rebuild orders --json`,
		RunE: onPipeline(c.open, c.rebuild),
	}
}

func (c *cli) rebuild(ctx context.Context, a *app.App, p *project.Pipeline, _ []string) error {
	made, err := a.Rebuild(ctx, p.Name)
	if err != nil {
		return &interruptedError{err, fmt.Sprintf("readers still see the old generation; `bursar rebuild %s` continues", p.Name)}
	}
	return errors.Join(unfinishedRetraction(ctx, a), c.result(made, func(w io.Writer) {
		fmt.Fprintf(w, "%s is at generation %d: %s from %s.\n", p.Name, made.Generation,
			plural(made.Rows, "artifact", "artifacts"), plural(made.Runs, "run", "runs"))
		switch made.DigestBefore {
		case "":
			fmt.Fprintf(w, "digest %s\n", made.DigestAfter)
		case made.DigestAfter:
			fmt.Fprintf(w, "%s equal to the previous generation: digest %s\n", checkMark(true), made.DigestAfter)
		default:
			fmt.Fprintf(w, "It differs from the previous generation%s:\n  before %s\n  after  %s\n", knownCauses(&made), made.DigestBefore, made.DigestAfter)
		}
	}))
}

// knownCauses names the known reasons for which a generation differs from the previous one.
func knownCauses(made *rebuild.Result) string {
	var causes []string
	if made.Added > 0 {
		causes = append(causes, "had not folded "+plural(made.Added, "batch", "batches")+" of the backlog")
	}
	if made.Retracted {
		causes = append(causes, "was folded with other retractions")
	}
	if len(causes) == 0 {
		return ""
	}
	return ", which " + strings.Join(causes, " and ")
}
