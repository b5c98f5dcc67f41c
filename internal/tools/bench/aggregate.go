// Measures refreshes of accounts at a simulated institution, and the least that workflows of the same shape cost.

package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const kindAggregate = "aggregate"

// AggregateFigures are the figures of one round, or of all rounds.
type AggregateFigures struct {
	Ratio             float64 `json:"ratio"` // yardstick / ours: higher is better
	Seconds           float64 `json:"ours_seconds"`
	YardstickSeconds  float64 `json:"yardstick_seconds"`
	CPU               float64 `json:"cpu_seconds"` // of the process, with the server and the institution, while the clock runs
	YardstickCPU      float64 `json:"yardstick_cpu_seconds"`
	AccountsPerSecond float64 `json:"accounts_per_second"`
	Events            float64 `json:"history_events_per_account"`
	YardstickEvents   float64 `json:"yardstick_history_events_per_account"`
	Writes            float64 `json:"catalog_transactions_per_account"`
	Requests          float64 `json:"requests_per_account"`
	Transactions      int64   `json:"transactions"` // that were stored as events
	PeakMemory        int64   `json:"peak_memory_bytes"`

	FreshRate float64 `json:"changes_per_second"`      // accounts that changed at the institution, one after another
	Fresh50   float64 `json:"readable_seconds_median"` // from the change to the balance that can be read
	Fresh99   float64 `json:"readable_seconds_99th"`
}

// AggregateReport is the result of the benchmark: medians over the rounds, and the highest peak of memory.
type AggregateReport struct {
	Benchmark  string `json:"benchmark"`
	Accounts   int    `json:"accounts"`
	Statements int    `json:"statements"` // of each account
	AggregateFigures
	Rounds []AggregateFigures `json:"rounds"`
}

// Aggregate measures the refreshes of all accounts of an institution. Which side is first alternates by round.
func Aggregate(ctx context.Context, o Options) (r AggregateReport, err error) {
	r = AggregateReport{Benchmark: kindAggregate, Accounts: o.Accounts, Statements: o.Statements}
	err = o.inFolder("", func(b *bench) error {
		r.Rounds, err = rounds(&o, func(n int) (AggregateFigures, error) { return b.aggregateRound(ctx, n) }, func(f *AggregateFigures) string {
			return fmt.Sprintf("yardstick %.2f s, ours %.2f s", f.YardstickSeconds, f.Seconds)
		})
		return err
	})
	if err != nil {
		return r, err
	}
	of := func(figure func(f *AggregateFigures) float64) float64 { return median(r.Rounds, figure) }
	r.AggregateFigures = AggregateFigures{
		Seconds: of(func(f *AggregateFigures) float64 { return f.Seconds }), YardstickSeconds: of(func(f *AggregateFigures) float64 { return f.YardstickSeconds }),
		CPU: of(func(f *AggregateFigures) float64 { return f.CPU }), YardstickCPU: of(func(f *AggregateFigures) float64 { return f.YardstickCPU }),
		Events: of(func(f *AggregateFigures) float64 { return f.Events }), YardstickEvents: of(func(f *AggregateFigures) float64 { return f.YardstickEvents }),
		Writes: of(func(f *AggregateFigures) float64 { return f.Writes }), Requests: of(func(f *AggregateFigures) float64 { return f.Requests }),
		Transactions: median(r.Rounds, func(f *AggregateFigures) int64 { return f.Transactions }),
		PeakMemory:   highest(r.Rounds, func(f *AggregateFigures) int64 { return f.PeakMemory }),
		FreshRate:    of(func(f *AggregateFigures) float64 { return f.FreshRate }), Fresh50: of(func(f *AggregateFigures) float64 { return f.Fresh50 }), Fresh99: of(func(f *AggregateFigures) float64 { return f.Fresh99 }),
	}
	r.rate(o.Accounts)
	return r, nil
}

// rate sets the figures that follow from the times.
func (f *AggregateFigures) rate(accounts int) {
	f.Ratio, f.AccountsPerSecond = f.YardstickSeconds/f.Seconds, float64(accounts)/f.Seconds
}

// aggregateRound runs both sides in one process, on one server, in a new project.
func (b *bench) aggregateRound(ctx context.Context, n int) (f AggregateFigures, err error) {
	spec := childSpec{Kind: kindAggregate, Dir: filepath.Join(b.dir, "project"), Accounts: b.Accounts, Statements: b.Statements, Rate: b.Rate, YardstickFirst: n%2 == 1}
	if n == b.Rounds-1 {
		spec.Profile = b.Profile
	}
	defer func() { err = errors.Join(err, os.RemoveAll(spec.Dir)) }()
	if err := b.runChild(ctx, spec, &f); err != nil {
		return f, err
	}
	f.rate(b.Accounts)
	return f, nil
}
