// bursar status: where every pipeline stands.

package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"bursar/internal/app"

	"github.com/spf13/cobra"
)

func (c *cli) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show backlog, watermark and artifacts of every pipeline",
		Long: `Shows for every pipeline its generation, how many runs are published, the backlog of sealed batches that are in no
published run, the watermark (everything received before it is included) and the number of artifacts.`,
		Example: `  bursar status
  bursar status --json`,
		Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.open(cmd, func(ctx context.Context, a *app.App) error {
				list, err := a.Engine.Status(ctx)
				if err != nil {
					return err
				}
				return c.printStatus(list)
			})
		},
	}
}

// pipelineStatus is one pipeline of `status --json`.
type pipelineStatus struct {
	Pipeline      string     `json:"pipeline"`
	Generation    uint64     `json:"generation"`
	Runs          uint64     `json:"runs"`
	Backlog       int        `json:"backlog"` // batches
	BacklogEvents int64      `json:"backlog_events"`
	Watermark     *time.Time `json:"watermark"`
	Artifacts     int64      `json:"artifacts"`
	Unfinished    uint64     `json:"unfinished,omitempty"` // the run that is not published yet
}

func (c *cli) printStatus(list []app.Status) error {
	pipelines := make([]pipelineStatus, len(list))
	for i, s := range list {
		pipelines[i] = pipelineStatus{
			s.Pipeline, s.Generation, s.Runs, s.Backlog.Batches, s.Backlog.Events, s.Watermark, s.Artifacts, s.Unfinished,
		}
	}
	return c.result(map[string]any{"pipelines": pipelines}, func(w io.Writer) {
		if len(list) == 0 {
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
			if s.Unfinished > 0 {
				fmt.Fprintf(w, "Run %d of %s is not finished.\n", s.Unfinished, s.Pipeline)
			}
		}
		if waiting > 0 {
			fmt.Fprintln(w, "next: bursar run")
		}
	})
}
