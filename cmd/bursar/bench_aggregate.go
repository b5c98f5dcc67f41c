// bursar bench aggregate: refreshes of accounts at a simulated institution, compared with workflows that do nothing.

package main

import (
	"fmt"
	"io"

	"bursar/internal/tools/bench"

	"github.com/spf13/cobra"
)

const (
	maxBenchAccounts   = 100_000
	maxBenchStatements = 24
)

func (c *cli) benchAggregateCommand() *cobra.Command {
	o := bench.Options{}
	cmd := &cobra.Command{
		Use:   "aggregate",
		Short: "Refreshes of accounts at a simulated institution, compared with workflows that do nothing",
		Long: `Refreshes accounts of a simulated institution, all of which are due at once, in a project that is up with its embedded server, and
measures in each round, in alternating order, in one process:

  ours       from the moment at which all accounts are due to the end of the last refresh: log in by OFX over TLS, download,
             import each statement, decide what becomes of each transaction, compare the balance, store the events
  yardstick  as many workflows of the same shape, on the same server, whose activities do nothing

After that, accounts change at the institution one after another, --rate a second, and each is refreshed when it changes: the report
says how long it takes from a change to the balance that can be read.

Every balance is then compared with the institution's books. The ratio is the time of the yardstick divided by ours: a higher one is
better. The institution and the server are in the process, and so in its CPU time and its memory.`,
		Example: `  bursar bench aggregate
  bursar bench aggregate --accounts 10000 --json
  bursar bench aggregate --statements 12`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Accounts < 1 || o.Accounts > maxBenchAccounts || o.Statements < 1 || o.Statements > maxBenchStatements || o.Rounds < 1 || o.Rate < 0 {
				return usagef("--rounds must be at least 1, --accounts from 1 to %d, --statements from 1 to %d, --rate at least 0", maxBenchAccounts, maxBenchStatements)
			}
			return measure(cmd.Context(), c, o, bench.Aggregate, c.printBenchAggregate)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.Accounts, "accounts", 2000, "number of accounts")
	flags.IntVar(&o.Statements, "statements", 2, "statements of each account")
	flags.Float64Var(&o.Rate, "rate", 25, "accounts that change a second, while it is measured how soon their balances can be read; 0 leaves that out")
	flags.IntVar(&o.Rounds, "rounds", 3, "rounds; the figures are medians")
	flags.StringVar(&o.Dir, "dir", "", dirUsage)
	flags.StringVar(&o.Profile, "cpuprofile", "", "write a CPU profile of ours in the last round to this `file`")
	return cmd
}

func (c *cli) printBenchAggregate(w io.Writer, r *bench.AggregateReport) {
	g := newGrid("round", "yardstick s", "cpu s", "ours s", "cpu s", "ratio", "accounts a second", "events", "yardstick's events", "transactions of the catalog", "requests", "transactions stored", "peak MiB")
	row := func(name string, f *bench.AggregateFigures) {
		g.add(name, formatSeconds(f.YardstickSeconds), formatSeconds(f.YardstickCPU), formatSeconds(f.Seconds), formatSeconds(f.CPU), fmt.Sprintf("%.2f", f.Ratio),
			fmt.Sprintf("%.1f", f.AccountsPerSecond), fmt.Sprintf("%.0f", f.Events), fmt.Sprintf("%.0f", f.YardstickEvents), fmt.Sprintf("%.1f", f.Writes),
			fmt.Sprintf("%.1f", f.Requests), formatCount(f.Transactions), formatCount(f.PeakMemory>>20))
	}
	for i := range r.Rounds {
		row(formatCount(i+1), &r.Rounds[i])
	}
	row("median", &r.AggregateFigures)
	g.print(w, width(c.out))
	fmt.Fprintf(w, "%s with %s each: the yardstick takes %.2f times as long as ours, %.1f accounts a second.\n",
		plural(r.Accounts, "account", "accounts"), plural(r.Statements, "statement", "statements"), r.Ratio, r.AccountsPerSecond)
	if r.FreshRate > 0 {
		fmt.Fprintf(w, "With %.1f changes a second, a balance can be read after %s s (median), %s s (99th percentile).\n", r.FreshRate, formatSeconds(r.Fresh50), formatSeconds(r.Fresh99))
	}
}
