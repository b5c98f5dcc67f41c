// bursar bench get: point reads.

package main

import (
	"fmt"
	"io"
	"os"

	"bursar/internal/bench"

	"github.com/spf13/cobra"
)

func (c *cli) benchGetCommand() *cobra.Command {
	o := bench.GetOptions{}
	cmd := &cobra.Command{
		Use:   "get",
		Short: "Point reads in process and over HTTP, beside Pebble holding the records themselves",
		Long: `Prepares artifacts through the ordinary intake and runs, and reads single ones by keys drawn at random:

  first      the first read after opening the project
  cold       the reads after it
  warm       once all keys have been read before, one after another in process
  http       the same keys through the API of a running project on loopback, client and server on this machine
  yardstick  Pebble, the record itself under its key, one after another in process

The ratio is that of the medians of warm and yardstick.`,
		Example: `  bursar bench get
  bursar bench get --artifacts 100000 --reads 20000 --json`,
		Args: argCount(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.Artifacts < 1 || o.Reads < 1 || o.Connections < 1 || o.Connections > 1000 {
				return usagef("--artifacts and --reads are 1 at least, --connections 1 to 1000")
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
	flags.IntVar(&o.Artifacts, "artifacts", 1_000_000, "artifacts there are")
	flags.IntVar(&o.Reads, "reads", 100_000, "reads of each kind")
	flags.IntVar(&o.Connections, "connections", 4, "connections over HTTP")
	flags.StringVar(&o.Dir, "dir", "", "a `folder` for all files, which are removed afterwards (default: the system's temporary one)")
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
