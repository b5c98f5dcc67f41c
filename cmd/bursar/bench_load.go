// bursar bench load: loads into the warehouse, compared with what the databases do by themselves.

package main

import (
	"fmt"
	"io"

	"bursar/internal/tools/bench"

	"github.com/spf13/cobra"
)

func (c *cli) benchLoadCommand() *cobra.Command {
	o := bench.Options{}
	cmd := &cobra.Command{
		Use:   "load",
		Short: "Objects loaded into the warehouse, compared with the database alone",
		Long: `Generates events of 206 bytes in objects of JSON lines, and measures in each round, for DuckDB and for PostgreSQL:

  ours  bursar load of all objects into a new table: listed, parsed, checked, with the journal, in one transaction; then again,
        when nothing is new
  peer  DuckDB: one CREATE TABLE AS SELECT … FROM read_json over the same objects, with the memory and threads of a project;
        PostgreSQL: psql \copy of the same rows as CSV into an empty table of the same definition, with the columns of where
        each row is from, after they were written to the file

All sums must be those that were generated. Then it loads many objects of one event, and measures the next call, which finds
all of them in the journal.

PostgreSQL is measured in the database of --postgres. The schema warehouse of it is dropped.`,
		Example: `  bursar bench load
  bursar bench load --postgres postgres://bench@localhost/bench --json
  bursar bench load --events 100000 --objects 100 --known 1000`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Objects < 1 || o.Events < o.Objects || o.Known < 0 || o.Rounds < 1 {
				return usagef("--rounds and --objects must be at least 1, --events at least --objects, --known not negative")
			}
			return measure(cmd.Context(), c, o, bench.Load, c.printBenchLoad)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.Events, "events", 1_000_000, "number of events")
	flags.IntVar(&o.Objects, "objects", 1000, "number of objects that contain them")
	flags.IntVar(&o.Known, "known", 100_000, "number of objects in the journal when it is measured that nothing is new")
	flags.IntVar(&o.Rounds, "rounds", 3, "rounds; the figures are medians")
	flags.StringVar(&o.Postgres, "postgres", "", "the `URL` of a PostgreSQL database")
	flags.StringVar(&o.Dir, "dir", "", dirUsage)
	flags.StringVar(&o.Profile, "cpuprofile", "", "write a CPU profile of ours with DuckDB in the last round to this `file`")
	return cmd
}

func (c *cli) printBenchLoad(w io.Writer, r *bench.LoadReport) {
	g := newGrid("database", "round", "peer s", "ours s", "ratio", "nothing new s", "peak MiB")
	for _, d := range r.Databases {
		row := func(name string, f *bench.LoadFigures) {
			g.add(d.Database, name, formatSeconds(f.PeerSeconds), formatSeconds(f.Seconds), fmt.Sprintf("%.2f", f.Ratio), formatSeconds(f.Again), formatCount(f.PeakMemory>>20))
		}
		for i := range d.Rounds {
			row(formatCount(i+1), &d.Rounds[i])
		}
		row("median", &d.LoadFigures)
	}
	g.print(w, width(c.out))
	for _, d := range r.Databases {
		fmt.Fprintf(w, "%s: %s events in %s take %.2f times as long as %s.\n", d.Database, formatCount(r.Events), plural(r.Objects, "object", "objects"), d.Ratio, d.Peer)
		if r.Known > 0 {
			fmt.Fprintf(w, "%s: with %s in the journal and nothing new, a load takes %.3f s.\n", d.Database, plural(r.Known, "object", "objects"), d.KnownSeconds)
		}
	}
}
