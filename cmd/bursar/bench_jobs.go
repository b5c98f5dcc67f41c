// bursar bench jobs: a slot with many small tasks, compared with an activity and a write per chunk.

package main

import (
	"fmt"
	"io"

	"bursar/internal/tools/bench"

	"github.com/spf13/cobra"
)

// maxBenchTasks is the most tasks of a slot.
const maxBenchTasks = 1_000_000

func (c *cli) benchJobsCommand() *cobra.Command {
	o := bench.Options{}
	cmd := &cobra.Command{
		Use:   "jobs",
		Short: "A slot with many small tasks, compared with an activity and a write per chunk",
		Long: `Executes one slot of a job, on the embedded server and a catalog in a file, and measures in each round, in alternating order:

  ours       from the request for the slot to its recorded end: the schedule starts it, its partitions are divided into
             chunks of up to 200, workers execute each task, and the outcome of each is recorded. The tasks do nothing,
             in the process itself
  yardstick  a workflow with as many activities at a time, one for each chunk; an activity does nothing but write a small
             document to the catalog, which is fsynced

Both sides begin in a new folder, when the server and the workers run. The outcomes of all tasks are read back. The ratio is the
time of the yardstick divided by ours: a higher one is better. Memory is the peak of the process, with the server in it; events
are those of the history of the slot's workflow.`,
		Example: `  bursar bench jobs
  bursar bench jobs --tasks 100000 --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Tasks < 1 || o.Tasks > maxBenchTasks || o.Rounds < 1 {
				return usagef("--rounds must be at least 1, --tasks from 1 to %d", maxBenchTasks)
			}
			return measure(cmd.Context(), c, o, bench.Jobs, c.printBenchJobs)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.Tasks, "tasks", 20_000, "number of tasks of the slot")
	flags.IntVar(&o.Rounds, "rounds", 3, "rounds; the figures are medians")
	flags.StringVar(&o.Dir, "dir", "", dirUsage)
	flags.StringVar(&o.Profile, "cpuprofile", "", "write a CPU profile of ours in the last round to this `file`")
	return cmd
}

func (c *cli) printBenchJobs(w io.Writer, r *bench.JobsReport) {
	g := newGrid("round", "yardstick s", "cpu s", "ours s", "cpu s", "ratio", "tasks a second", "history events", "history KiB", "yardstick's events", "peak MiB", "yardstick's MiB")
	row := func(name string, f *bench.JobsFigures) {
		g.add(name, formatSeconds(f.YardstickSeconds), formatSeconds(f.YardstickCPU), formatSeconds(f.Seconds), formatSeconds(f.CPU), fmt.Sprintf("%.2f", f.Ratio), formatCount(f.TasksPerSecond), formatCount(f.Events),
			formatCount(f.HistoryBytes>>10), formatCount(f.YardstickEvents), formatCount(f.PeakMemory>>20), formatCount(f.YardstickMemory>>20))
	}
	for i := range r.Rounds {
		row(formatCount(i+1), &r.Rounds[i])
	}
	row("median", &r.JobsFigures)
	g.print(w, width(c.out))
	fmt.Fprintf(w, "%s in %s: the yardstick takes %.2f times as long as ours, %s tasks a second.\n",
		plural(r.Tasks, "task", "tasks"), plural(r.Chunks, "chunk", "chunks"), r.Ratio, formatCount(r.TasksPerSecond))
}
