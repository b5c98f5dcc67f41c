// bursar status: where every pipeline stands.

package main

import (
	"context"
	"fmt"
	"io"

	"bursar/internal/app"

	"github.com/spf13/cobra"
)

func (c *cli) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show backlog, watermark and artifacts of every pipeline",
		Long: `Shows for every pipeline its generation, how many runs are published, the backlog of sealed batches that are in no
published run, the watermark (everything received before it is included), the number of artifacts, and the runs under way:
which step each is at, and why one has not gone on. Requests that may have been lost with a damaged file are listed until
` + "`bursar repair --dismiss`" + `.`,
		Example: `  bursar status
  bursar status --json`,
		Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.open(cmd, func(ctx context.Context, a *app.App) error {
				list, err := a.Engine.Status(ctx)
				if err != nil {
					return err
				}
				losses, err := a.Losses()
				if err != nil {
					return err
				}
				return c.printStatus(list, losses)
			})
		},
	}
}

func (c *cli) printStatus(pipelines []app.Status, losses []app.Loss) error {
	out := map[string]any{"pipelines": pipelines}
	if len(losses) > 0 {
		out["losses"] = losses
	}
	return c.result(out, func(w io.Writer) {
		for _, l := range losses {
			fmt.Fprintf(w, "%s acknowledged requests may be lost: %s\n", mark(false), clean(l.String()))
		}
		if len(pipelines) == 0 {
			fmt.Fprintln(w, "The project declares no pipeline yet.")
			return
		}
		waiting := 0
		g := newGrid("pipeline", "generation", "runs", "backlog", "events waiting", "watermark", "artifacts")
		for _, s := range pipelines {
			g.add(s.Pipeline, count(s.Generation), count(s.Runs), count(s.Backlog), count(s.BacklogEvents), when(s.Watermark),
				count(s.Artifacts))
			waiting += s.Backlog
		}
		g.print(w, width(c.out))
		for _, s := range pipelines {
			for _, run := range s.Lanes {
				fmt.Fprintf(w, "Run %d of %s is at %s: %s events in %s.\n", run.Run, s.Pipeline, run.Step, count(run.Events), plural(run.Batches, "batch", "batches"))
				if t := run.Trouble; t != nil {
					fmt.Fprintf(w, "  It failed at %s: %s [%s]\n", when(&t.At), clean(t.Message), t.Class)
				}
			}
		}
		if waiting > 0 {
			fmt.Fprintln(w, "next: bursar run")
		}
	})
}
