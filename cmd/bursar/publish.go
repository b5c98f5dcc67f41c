// bursar publish: brings the tables of the warehouse up to date, and compares them with what they are made of.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"bursar/internal/app"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/warehouse/publish"

	"github.com/spf13/cobra"
)

func (c *cli) publishCommand() *cobra.Command {
	var again, verify bool
	cmd := &cobra.Command{
		Use:   "publish [TABLE…]",
		Short: "Bring the warehouse up to date, then return",
		Long: `Adds to the tables of the warehouse what was sealed, published or retracted since the last time: the accepted events of each stream
in events_STREAM, the artifacts of each pipeline in PIPELINE, and their versions in PIPELINE_history if it has ` + "`history: true`" + `. With
TABLE only these. While ` + "`bursar up`" + ` runs, it does so by itself.

One transaction adds a group of batches or runs, or nothing of it. A table that cannot be published does not stop the others. If the
warehouse cannot be reached, the command retries for about a minute. What was published before stays.`,
		Example: `  bursar publish
  bursar publish orders events_payments
  bursar publish --again orders
  bursar publish --verify --json`,
		RunE: onProject(c.open, func(ctx context.Context, a *app.App, tables []string) error {
			switch {
			case again && verify:
				return usagef("use --again or --verify, not both")
			case again && len(tables) == 0:
				return usagef("--again needs the names of tables")
			case verify:
				return c.verifyTables(ctx, a, tables)
			}
			return c.publish(ctx, a, app.PublishOptions{Tables: tables, Again: again})
		}),
	}
	cmd.Flags().BoolVar(&again, "again", false, "make the named tables from the beginning, whatever somebody has changed in them")
	cmd.Flags().BoolVar(&verify, "verify", false, "compare every row with what was sealed and published, and publish nothing")
	return cmd
}

func (c *cli) publish(ctx context.Context, a *app.App, o app.PublishOptions) error {
	bar := c.publishMeter(ctx, a)
	o.Watch = publishProgress(bar)
	done, err := a.Publish(ctx, o)
	bar.done()
	if err != nil && len(done) == 0 {
		return publishError(err)
	}
	c.warnDiffering(ctx, a)
	return errors.Join(c.printPublished(done, err != nil), publishError(err))
}

// warnDiffering warns of tables that are not as they were published. Publishing adds to them, and does not make them again.
func (c *cli) warnDiffering(ctx context.Context, a *app.App) {
	list, err := a.DifferingTables(ctx)
	if err != nil {
		c.log.Warn("cannot read which tables differ", "error", err)
	}
	for _, d := range list {
		c.warn([]string{d.String()})
	}
}

// publishError adds the next step.
func publishError(err error) error {
	if err == nil {
		return nil
	}
	if failure.Of(err).Retryable() {
		err = withHint(err, "`bursar publish` continues when the warehouse can be reached")
	}
	return &interruptedError{err, "what was published stays; `bursar publish` continues from there"}
}

// publishMeter makes a progress bar over the batches and runs that are not in the warehouse.
func (c *cli) publishMeter(ctx context.Context, a *app.App) *progressBar {
	total := int64(0)
	if width(c.err) > 0 {
		list, err := a.WarehouseStatus(ctx)
		if err != nil {
			c.log.Info("cannot read how far the warehouse is", "error", err)
		}
		for i := range list {
			total += int64(list[i].Waiting)
		}
	}
	return c.meter("publish", "batches and runs", total)
}

// publishProgress moves the bar by the batches or runs of each group.
func publishProgress(bar *progressBar) func(publish.Result) {
	done := int64(0)
	return func(r publish.Result) {
		bar.Describe("publish " + r.Table)
		done += int64(r.To - min(r.From, r.To))
		bar.set(done)
	}
}

func (c *cli) printPublished(done []publish.Result, failed bool) error {
	if done == nil {
		done = []publish.Result{}
	}
	return c.result(map[string]any{"tables": done}, func(w io.Writer) {
		if len(done) == 0 {
			fmt.Fprintln(w, "Nothing to do: the warehouse is up to date.")
			return
		}
		g := newGrid("table", "rows", "removed", "through", "watermark", "seconds")
		for i := range done {
			r := &done[i]
			g.add(r.Table, formatCount(r.Rows), formatCount(r.Removed), publishedThrough(r), formatTime(r.Watermark), fmt.Sprintf("%.2f", r.Seconds))
		}
		g.print(w, width(c.out))
		if !failed {
			fmt.Fprintf(w, "Published %s.\n", plural(len(done), "table", "tables"))
		}
	})
}

// publishedThrough names the last batch or run in a table.
func publishedThrough(r *publish.Result) string {
	switch {
	case r.To == 0:
		return noValue
	case r.Generation > 0:
		return fmt.Sprintf("run %d", r.To)
	}
	return fmt.Sprintf("batch %d", r.To)
}

func (c *cli) verifyTables(ctx context.Context, a *app.App, tables []string) error {
	list, err := a.VerifyTables(ctx, tables)
	if err != nil && len(list) == 0 {
		return err
	}
	if list == nil {
		list = []publish.Verified{}
	}
	var differ []string
	for i := range list {
		if !list[i].OK {
			differ = append(differ, list[i].Table)
		}
	}
	printErr := c.result(map[string]any{"tables": list, "ok": err == nil && len(differ) == 0}, func(w io.Writer) {
		for i := range list {
			fmt.Fprintf(w, "%s %s\n", checkMark(list[i].OK), printable(describeVerified(&list[i])))
		}
	})
	if len(differ) > 0 {
		differs := fmt.Errorf("the rows of %s differ from what was sealed and published", strings.Join(differ, ", "))
		err = errors.Join(err, withHint(&unbalancedError{error: differs}, "`bursar publish --again %s` makes this from the beginning", strings.Join(differ, " ")))
	}
	return errors.Join(printErr, err)
}

func describeVerified(v *publish.Verified) string {
	if v.OK {
		return fmt.Sprintf("%s: %s as published", v.Table, plural(v.Rows, "row", "rows"))
	}
	if v.Miscounted != 0 {
		return fmt.Sprintf("%s: bursar_tables says that it has %s, and it has %s", v.Table, plural(v.Rows+v.Miscounted, "row", "rows"), formatCount(v.Rows))
	}
	if v.Days > 0 {
		return fmt.Sprintf("%s: bursar_days counts its events wrongly in %s", v.Table, plural(v.Days, "row", "rows"))
	}
	return fmt.Sprintf("%s: of %s it lacks %s, and it has %s that should not be there", v.Table, plural(v.Rows, "row", "rows"), formatCount(v.Missing), formatCount(v.Other))
}

// tableNames lists the tables that a project publishes.
func tableNames(p *project.Project) (names []string) {
	for _, s := range p.Streams {
		names = append(names, project.EventsTable(s.Name))
	}
	for _, l := range p.Pipelines {
		names = append(names, l.Name)
		if l.History {
			names = append(names, project.HistoryTable(l.Name))
		}
	}
	return names
}
