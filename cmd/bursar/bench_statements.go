// bursar bench statements: measures the conversion of statement files to rows.

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
		Args: argCount(0, 0),
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

// formatSpeed formats a throughput with one decimal.
func formatSpeed(speed float64) string { return fmt.Sprintf("%.1f", speed) }
