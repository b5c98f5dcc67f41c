// bursar bench freshness.

package main

import (
	"fmt"
	"io"

	"bursar/internal/bench"

	"github.com/spf13/cobra"
)

func (c *cli) benchFreshnessCommand() *cobra.Command {
	o := bench.FreshnessOptions{}
	cmd := &cobra.Command{
		Use:   "freshness",
		Short: "From an acknowledged event to its artifact, in a project that is up and idle",
		Long: `Brings a new project up, sends single events over HTTP at random moments, and asks for each event's artifact until it is
there. The batch that an event is in is sealed a second after its first event, which is the default of ` + "`seal: {every:}`" + `.`,
		Example: `  bursar bench freshness
  bursar bench freshness --events 20 --json`,
		Args: argCount(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Events < 1 {
				return usagef("--events is 1 at least")
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
	cmd.Flags().IntVar(&o.Events, "events", 100, "events, one at a time")
	cmd.Flags().StringVar(&o.Dir, "dir", "", "a `folder` for all files, which are removed afterwards (default: the system's temporary one)")
	return cmd
}
