// bursar bench get: measures point reads.

package main

import (
	"fmt"
	"io"
	"os"

	"bursar/internal/tools/bench"

	"github.com/spf13/cobra"
)

func (c *cli) benchGetCommand() *cobra.Command {
	o := bench.GetOptions{}
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
		Args: argCount(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.Artifacts < 1 || o.Reads < 1 || o.Connections < 1 || o.Connections > 1000 {
				return usagef("--artifacts and --reads must be at least 1, --connections 1 to 1000")
			}
			if o.Program, err = os.Executable(); err != nil {
				return fmt.Errorf("find this program: %w", err)
			}
			o.Command = []string{"bench", "part"}
			o.Watch = func(line string) { fmt.Fprintln(c.err, printable(line)) }
			r, err := bench.Get(cmd.Context(), o)
			if err != nil {
				return err
			}
			return c.result(r, func(w io.Writer) { c.printGet(w, &r) })
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.Artifacts, "artifacts", 1_000_000, "number of artifacts")
	flags.IntVar(&o.Reads, "reads", 100_000, "number of reads of each kind")
	flags.IntVar(&o.Connections, "connections", 4, "number of HTTP connections")
	flags.StringVar(&o.Dir, "dir", "", "a `folder` for all files, which are removed afterwards (default: the system's temporary folder)")
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
