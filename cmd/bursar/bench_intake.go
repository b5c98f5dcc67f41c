// bursar bench intake: measures the intake of events over HTTP.

package main

import (
	"fmt"
	"io"
	"path/filepath"

	"bursar/internal/tools/bench"

	"github.com/spf13/cobra"
)

func (c *cli) benchIntakeCommand() *cobra.Command {
	o := bench.IntakeOptions{}
	cmd := &cobra.Command{
		Use:   "intake",
		Short: "Acknowledged events over HTTP, compared with writing and fsyncing the same bytes",
		Long: `Generates events of 206 bytes and measures in each round, with the same requests from the same number of clients:

  yardstick  the bodies are appended to a file; waiting requests share an fsync
  ours       the bodies are sent to a running project: parsed, checked, duplicates set aside, made durable, answered;
             batches are sealed every second in the meantime; clients and server run on this machine

The project has no pipelines, so that only intake is measured. If an event is not accepted, the benchmark fails.`,
		Example: `  bursar bench intake
  bursar bench intake --request 1 --events 20000 --connections 64 --json`,
		Args: argCount(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.Batch < 1 || o.Events < o.Batch || o.Connections < 1 || o.Connections > 1000 || o.Rounds < 1 {
				return usagef("--rounds and --request must be at least 1, --events at least --request, --connections 1 to 1000")
			}
			if o.Profile != "" {
				if o.Profile, err = filepath.Abs(o.Profile); err != nil {
					return fmt.Errorf("find profile: %w", err)
				}
			}
			o.Watch = func(line string) { fmt.Fprintln(c.err, printable(line)) }
			r, err := bench.Intake(cmd.Context(), o)
			if err != nil {
				return err
			}
			return c.result(r, func(w io.Writer) { c.printIntake(w, &r) })
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.Events, "events", 2_000_000, "number of events in each round")
	flags.IntVar(&o.Batch, "request", 1000, "number of events in a request")
	flags.IntVar(&o.Connections, "connections", 8, "number of clients, each sending one request after another")
	flags.IntVar(&o.Rounds, "rounds", 3, "rounds; the figures are medians")
	flags.StringVar(&o.Dir, "dir", "", "a `folder` for all files, which are removed afterwards (default: the system's temporary folder)")
	flags.StringVar(&o.Profile, "cpuprofile", "", "write a CPU profile of all rounds to this `file`")
	return cmd
}

func (c *cli) printIntake(w io.Writer, r *bench.IntakeReport) {
	g := newGrid("round", "yardstick s", "ours s", "ratio", "events a second", "p50 ms", "p99 ms", "slowest ms", "yardstick p99 ms")
	for i, round := range r.Rounds {
		g.add(formatCount(i+1), formatSeconds(round.YardstickSeconds), formatSeconds(round.Seconds), fmt.Sprintf("%.2f", round.Seconds/round.YardstickSeconds),
			formatCount(int64(float64(r.Events)/round.Seconds)), formatSeconds(round.P50), formatSeconds(round.P99), formatSeconds(round.Slowest), formatSeconds(round.YardstickP99))
	}
	g.print(w, width(c.out))
	fmt.Fprintf(w, "%s events of %d bytes in requests of %s from %s: %s a second, %.2f times as long as the yardstick.\n",
		formatCount(r.Events), (r.EventBytes+r.Events/2)/r.Events, formatCount(r.Batch), plural(r.Connections, "client", "clients"), formatCount(r.EventsPerSecond), r.Ratio)
}
