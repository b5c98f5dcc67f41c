// bursar bench: benchmarks of the product, each with a yardstick in the same call.

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bursar/internal/reconcile/runs"
	"bursar/internal/tools/bench"

	"github.com/spf13/cobra"
)

// noPeers is the value of --peers that selects no peer.
const noPeers = "none"

// dirUsage describes --dir.
const dirUsage = "a `folder` for all files, which are removed afterwards (default: the system's temporary folder)"

// partCommand starts this program as one side of a benchmark.
var partCommand = []string{"bench", "part"}

func (c *cli) benchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench NAME",
		Short: "Run a benchmark and its yardstick",
		Long: `Runs a benchmark and its yardstick, one after the other, on the same data. Compare only figures of one call: the speed of a
machine drifts.`,
		Example: `  bursar bench reconcile
  bursar bench reconcile --state 10000000 --json
  bursar bench intake
  bursar bench freshness
  bursar bench get
  bursar bench publish
  bursar bench load
  bursar bench jobs
  bursar bench statements --data ../shared/data`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("%q is not a benchmark; choose reconcile, intake, freshness, get, publish, load, jobs or statements", args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(c.benchReconcileCommand(), c.benchIntakeCommand(), c.benchFreshnessCommand(), c.benchGetCommand(), c.benchStatementsCommand(),
		c.benchPublishCommand(), c.benchLoadCommand(), c.benchJobsCommand(), c.benchAggregateCommand(), c.benchProcessCommand())
	return cmd
}

func (c *cli) benchReconcileCommand() *cobra.Command {
	o, lanes := bench.Options{}, false
	cmd := &cobra.Command{
		Use:   "reconcile",
		Short: "From files to published artifacts, compared with DuckDB",
		Long: `Generates events of 206 bytes, prepares a state of artifacts through the same intake, and measures in each round:

  yardstick    DuckDB reads the files with read_json and groups them by key into a table in memory, on two threads
  ours         from the first byte of ingest to the watermark of the last run: parsed, checked, duplicates set aside,
               sealed, folded onto the state, indexed, published, all of it fsynced; the server runs before
  duckdb       DuckDB with the same guarantees, the same memory and as many threads, on a database file that is open
               before: texts are cast, bad rows set aside with the reason, ids compared with all earlier ones, conflicts
               set aside, the rest grouped and merged by key, in one transaction, checkpointed and fsynced
  duckdb-keys  the same with primary keys on the ids and the artifacts, and DuckDB's default memory, because at ten
               million ids the keys do not fit into the memory of the others

--peers selects the peers with the same guarantees. They keep neither the events nor a history, and balance no control totals.
--peers none also skips the preparation of their state.

Each round starts from a copy of the same state. All sides must produce the generated sums, and ours and the peers the same
artifacts; otherwise the benchmark fails. With --batches, each batch is ingested and reconciled before the next.

With --lanes, the runs of the batches are measured, one run per batch: in three lanes, with all batches sealed before; one
after another, each batch reconciled before the next is sealed; and by direct calls of the steps, without a workflow. The
object store is local, or takes 20 ms longer for each call.`,
		Example: `  bursar bench reconcile
  bursar bench reconcile --events 200000 --keys 50000 --state 100000
  bursar bench reconcile --state 10000000 --dir /mnt/fast --json
  bursar bench reconcile --peers duckdb
  bursar bench reconcile --lanes --batches 20 --events 400000 --keys 20000 --state 100000`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Batches < 1 || o.Events < o.Batches || o.Keys < 1 || o.Keys > 1_000_000_000 || o.State < 0 || o.Rounds < 1 {
				return usagef("--rounds, --batches and --keys must be at least 1, --events at least as many as batches, --state not negative")
			}
			if err := choosePeers(&o); err != nil {
				return err
			}
			if lanes {
				return measure(cmd.Context(), c, o, bench.Lanes, c.printLanes)
			}
			return measure(cmd.Context(), c, o, bench.Reconcile, c.printBench)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.Events, "events", 2_000_000, "number of events")
	flags.IntVar(&o.Keys, "keys", 500_000, "number of keys of the events")
	flags.IntVar(&o.State, "state", 1_000_000, "number of artifacts in the prepared state, each from one earlier event")
	flags.IntVar(&o.Batches, "batches", 1, "number of batches of the events")
	flags.IntVar(&o.Rounds, "rounds", 3, "rounds; the figures are medians")
	flags.StringSliceVar(&o.Peers, "peers", bench.PeerNames(), "the `peers` with the same guarantees to measure, or none")
	flags.BoolVar(&lanes, "lanes", false, "measure runs in three lanes and the same runs one after another")
	flags.StringVar(&o.Dir, "dir", "", dirUsage)
	flags.StringVar(&o.Profile, "cpuprofile", "", "write a CPU profile of ours in the last round to this `file`")
	return cmd
}

// choosePeers checks the selected peers and sorts them in the order of measurement.
func choosePeers(o *bench.Options) error {
	chosen := o.Peers
	o.Peers = nil
	if slices.Equal(chosen, []string{noPeers}) {
		return nil
	}
	for _, name := range chosen {
		if !slices.Contains(bench.PeerNames(), name) {
			return usagef("%q is not a peer; choose %s, or %s", name, strings.Join(bench.PeerNames(), ", "), noPeers)
		}
	}
	o.Peers = slices.DeleteFunc(bench.PeerNames(), func(name string) bool { return !slices.Contains(chosen, name) })
	return nil
}

// benchProcessCommand is the hidden command that a benchmark starts in a process for each side.
func (c *cli) benchProcessCommand() *cobra.Command {
	return &cobra.Command{
		Use: "part", Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return bench.RunChild(cmd.Context(), cmd.InOrStdin(), c.out)
		},
	}
}

// measure executes a benchmark and prints its report.
func measure[R any](ctx context.Context, c *cli, o bench.Options, execute func(ctx context.Context, o bench.Options) (R, error),
	human func(w io.Writer, report *R),
) (err error) {
	if o.Program, err = thisProgram(); err != nil {
		return err
	}
	if o.Profile != "" { // processes may change their working folder
		if o.Profile, err = filepath.Abs(o.Profile); err != nil {
			return fmt.Errorf("find profile: %w", err)
		}
	}
	o.Command = partCommand
	o.Watch = func(line string) { fmt.Fprintln(c.err, printable(line)) }
	report, err := execute(ctx, o)
	if err != nil {
		return err
	}
	return c.result(report, func(w io.Writer) { human(w, &report) })
}

func thisProgram() (string, error) {
	program, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	return program, nil
}

func (c *cli) printLanes(w io.Writer, r *bench.LanesReport) {
	g := newGrid("store latency", "direct calls s", "cpu s", "one after another s", "cpu s", "three lanes s", "cpu s", "× direct calls", "× one after another", "events a second")
	for _, s := range r.Stores {
		g.add(fmt.Sprintf("+ %.0f ms", s.LatencySeconds*1e3), formatSeconds(s.CallsSeconds), formatSeconds(s.CallsCPU), formatSeconds(s.RunsSeconds), formatSeconds(s.RunsCPU),
			formatSeconds(s.LanesSeconds), formatSeconds(s.LanesCPU), fmt.Sprintf("× %.2f", s.CallsRatio), fmt.Sprintf("× %.2f", s.Ratio), formatCount(s.EventsPerSecond))
	}
	g.print(w, width(c.out))
}

func (c *cli) printBench(w io.Writer, r *bench.Report) {
	steps := []string{"intake"}
	for _, step := range runs.StepNames {
		steps = append(steps, string(step))
	}
	header := []string{"round", "yardstick s", "ours s", "ratio"}
	var peers []string
	for _, name := range bench.PeerNames() {
		if _, measured := r.Peers[name]; measured {
			peers, header = append(peers, name), append(header, name+" s", "ratio")
		}
	}
	header = append(header, steps...)
	g := newGrid(append(header, "between steps", "server start", "peak MiB", "written MiB")...)
	row := func(name string, b *bench.Figures) {
		cells := []string{name, formatSeconds(b.YardstickSeconds), formatSeconds(b.OursSeconds), fmt.Sprintf("%.2f", b.OursSeconds/b.YardstickSeconds)}
		for _, name := range peers {
			cells = append(cells, formatSeconds(b.Peers[name].Seconds), fmt.Sprintf("%.2f", b.Peers[name].Ratio))
		}
		for _, step := range steps {
			cells = append(cells, formatSeconds(b.Steps[step]))
		}
		g.add(append(cells, formatSeconds(b.Orchestration), formatSeconds(b.ServerStartSeconds), formatCount(b.PeakMemory>>20), formatCount(b.Written>>20))...)
	}
	for i := range r.Rounds {
		row(formatCount(i+1), &r.Rounds[i].Figures)
	}
	row("median", &r.Figures)
	g.print(w, width(c.out))
	fmt.Fprintf(w, "%s events of %d bytes on %s keys, with %s artifacts of state: ours takes %.2f times as long as the yardstick, "+
		"%s events a second.\n", formatCount(r.Events), (r.EventBytes+r.Events/2)/r.Events, formatCount(r.Keys), formatCount(r.State), r.Ratio, formatCount(r.EventsPerSecond))
	for _, name := range peers {
		fmt.Fprintf(w, "Ours takes %.2f times as long as %s, which gives the same guarantees.\n", r.Peers[name].Ratio, name)
	}
}

func formatSeconds(seconds float64) string { return fmt.Sprintf("%.3f", seconds) }
