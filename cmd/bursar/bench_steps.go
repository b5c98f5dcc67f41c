// bursar bench intake, freshness, get and statements: benchmarks of single steps.

package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"time"

	"bursar/internal/tools/bench"

	"github.com/spf13/cobra"
)

func (c *cli) benchIntakeCommand() *cobra.Command {
	o := bench.Options{}
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
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Request < 1 || o.Events < o.Request || o.Connections < 1 || o.Connections > 1000 || o.Rounds < 1 {
				return usagef("--rounds and --request must be at least 1, --events at least --request, --connections 1 to 1000")
			}
			return measure(cmd.Context(), c, o, bench.Intake, c.printIntake)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.Events, "events", 2_000_000, "number of events in each round")
	flags.IntVar(&o.Request, "request", 1000, "number of events in a request")
	flags.IntVar(&o.Connections, "connections", 8, "number of clients, each sending one request after another")
	flags.IntVar(&o.Rounds, "rounds", 3, "rounds; the figures are medians")
	flags.StringVar(&o.Dir, "dir", "", dirUsage)
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

func (c *cli) benchFreshnessCommand() *cobra.Command {
	o := bench.Options{}
	cmd := &cobra.Command{
		Use:   "freshness",
		Short: "From an acknowledged event to its artifact, in an idle project",
		Long: `Starts a new project, sends single events over HTTP at random times, and requests the artifact of each event until it
exists. A batch is sealed a second after its first event, the default of ` + "`seal: {every:}`" + `.`,
		Example: `  bursar bench freshness
  bursar bench freshness --events 20 --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Events < 1 {
				return usagef("--events must be at least 1")
			}
			return measure(cmd.Context(), c, o, bench.Freshness, func(w io.Writer, r *bench.FreshnessReport) {
				fmt.Fprintf(w, "%s events: from acknowledged to readable in %.0f ms (median), %.0f ms (99 of 100), %.0f ms (slowest).\n",
					formatCount(r.Events), r.P50, r.P99, r.Slowest)
			})
		},
	}
	countVar(cmd.Flags(), &o.Events, "events", 100, "number of events, sent one at a time")
	cmd.Flags().StringVar(&o.Dir, "dir", "", dirUsage)
	return cmd
}

func (c *cli) benchGetCommand() *cobra.Command {
	o := bench.Options{}
	cmd := &cobra.Command{
		Use:   "get",
		Short: "Point reads in process and over HTTP, compared with Pebble",
		Long: `Prepares artifacts through the ordinary intake and runs, and reads single artifacts by random keys:

  first      the first read after opening the project
  cold       the reads after it
  warm       all keys again, one after another in process
  http       the same keys through the API of a running project on loopback, client and server on this machine
  yardstick  a Pebble store with the record under its key, one after another in process

The ratio is the median of warm divided by the median of yardstick.`,
		Example: `  bursar bench get
  bursar bench get --artifacts 100000 --reads 20000 --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.State < 1 || o.Reads < 1 || o.Connections < 1 || o.Connections > 1000 {
				return usagef("--artifacts and --reads must be at least 1, --connections 1 to 1000")
			}
			return measure(cmd.Context(), c, o, bench.Get, c.printGet)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.State, "artifacts", 1_000_000, "number of artifacts")
	flags.IntVar(&o.Reads, "reads", 100_000, "number of reads of each kind")
	flags.IntVar(&o.Connections, "connections", 4, "number of HTTP connections")
	flags.StringVar(&o.Dir, "dir", "", dirUsage)
	return cmd
}

func (c *cli) printGet(w io.Writer, r *bench.GetReport) {
	g := newGrid("reads", "count", "p50 µs", "p99 µs", "a second")
	row := func(name string, l bench.Reads) {
		g.add(name, formatCount(l.Count), fmt.Sprintf("%.1f", l.P50), fmt.Sprintf("%.1f", l.P99), formatCount(l.PerSecond))
	}
	g.add("first", "1", fmt.Sprintf("%.1f", r.First), noValue, noValue)
	row("cold", r.Cold)
	row("warm", r.Warm)
	row(fmt.Sprintf("http, %s", plural(r.Connections, "connection", "connections")), r.HTTP)
	row("yardstick", r.Yardstick)
	g.print(w, width(c.out))
	fmt.Fprintf(w, "%s artifacts: a warm read takes %.2f times as long as the yardstick.\n", formatCount(r.Artifacts), r.Ratio)
}

// dataVariable names the folder of recorded files.
const dataVariable = "BURSAR_DATA"

func (c *cli) benchStatementsCommand() *cobra.Command {
	o := bench.Options{}
	cmd := &cobra.Command{
		Use:   "statements",
		Short: "Statement files of every format converted to rows, compared with tokenising the same bytes",
		Long: `Reads recorded statement files into memory and measures in each round, for one format after the other:

  peer        CAMT: encoding/xml tokenises; MT940, OFX: bufio.Scanner finds the lines; CSV: encoding/csv splits the rows
  converting  the format is detected, the file is read and converted to rows of the built-in streams, including ids, sums
              and totals: all that import does before intake; the rows are counted and dropped
  reading     the format is detected and the file is read, without conversion

All of it runs in one goroutine. The CSV file is generated. Files that import refuses are left out and counted.
The recorded files are in the folder that --data or ` + dataVariable + ` names: settlement (CAMT.053), two_sided (CAMT.052 and 054),
statements/mt940, statements/ofx.`,
		Example: `  bursar bench statements --data ../shared/data
  BURSAR_DATA=../shared/data bursar bench statements --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Rounds < 1 || o.Rows < 1 || o.Each < 0 {
				return usagef("--rounds and --rows must be at least 1, --each not negative")
			}
			if o.Data = cmp.Or(o.Data, os.Getenv(dataVariable)); o.Data == "" {
				return usagef("name the folder of recorded statements with --data DIR, or set %s", dataVariable)
			}
			if info, err := os.Stat(o.Data); err != nil || !info.IsDir() {
				return usagef("%s is not a folder: --data or %s must name the folder of recorded statements", o.Data, dataVariable)
			}
			return measure(cmd.Context(), c, o, bench.Statements, c.printStatements)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Data, "data", "", "the `folder` of recorded files (default: "+dataVariable+")")
	flags.IntVar(&o.Rounds, "rounds", 5, "rounds; the figures are medians")
	flags.DurationVar(&o.Each, "each", time.Second, "minimum time that each side is measured in a round")
	flags.IntVar(&o.Rows, "rows", 20_000, "number of rows of the generated CSV file")
	flags.StringVar(&o.Profile, "cpuprofile", "", "write a CPU profile of all rounds to this `file`")
	return cmd
}

func (c *cli) printStatements(w io.Writer, r *bench.StatementsReport) {
	g := newGrid("format", "files", "bytes", "rows", "converting MB/s", "reading MB/s", "peer MB/s", "converting × peer", "reading × peer", "peer", "from")
	for i := range r.Formats {
		f := &r.Formats[i]
		g.add(f.Format, formatCount(f.Files), formatCount(f.Bytes), formatCount(f.Rows), formatSpeed(f.Converting), formatSpeed(f.Reading), formatSpeed(f.PeerSpeed),
			fmt.Sprintf("× %.2f", f.Ratio), fmt.Sprintf("× %.2f", f.ReadingRatio), f.Peer, f.From)
	}
	g.print(w, width(c.out))
	for i := range r.Formats {
		if f := &r.Formats[i]; f.Refused > 0 {
			fmt.Fprintf(w, "%s: %s left out, as import refuses them.\n", f.Format, plural(f.Refused, "file", "files"))
		}
	}
	fmt.Fprintf(w, "CAMT.053: %s MB a second are converted to rows, %.2f times the speed at which encoding/xml tokenises.\n", formatSpeed(r.Converting), r.Ratio)
}

func formatSpeed(speed float64) string { return fmt.Sprintf("%.1f", speed) }
