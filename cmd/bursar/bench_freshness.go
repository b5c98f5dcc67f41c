// bursar bench freshness: measures the delay from an acknowledged event to its artifact.

package main

import (
	"fmt"
	"io"

	"bursar/internal/tools/bench"

	"github.com/spf13/cobra"
)

func (c *cli) benchFreshnessCommand() *cobra.Command {
	o := bench.FreshnessOptions{}
	cmd := &cobra.Command{
		Use:   "freshness",
		Short: "From an acknowledged event to its artifact, in an idle project",
		Long: `Starts a new project, sends single events over HTTP at random times, and requests the artifact of each event until it
exists. A batch is sealed a second after its first event, the default of ` + "`seal: {every:}`" + `.`,
		Example: `  bursar bench freshness
  bursar bench freshness --events 20 --json`,
		Args: argCount(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Events < 1 {
				return usagef("--events must be at least 1")
			}
			o.Watch = func(line string) { fmt.Fprintln(c.err, printable(line)) }
			r, err := bench.Freshness(cmd.Context(), o)
			if err != nil {
				return err
			}
			return c.result(r, func(w io.Writer) {
				fmt.Fprintf(w, "%s events: from acknowledged to readable in %.0f ms (median), %.0f ms (99 of 100), %.0f ms (slowest).\n",
					formatCount(r.Events), r.P50, r.P99, r.Slowest)
			})
		},
	}
	countVar(cmd.Flags(), &o.Events, "events", 100, "number of events, sent one at a time")
	cmd.Flags().StringVar(&o.Dir, "dir", "", "a `folder` for all files, which are removed afterwards (default: the system's temporary folder)")
	return cmd
}
