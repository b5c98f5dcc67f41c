// Runs the rounds, checks the results of all sides, and summarizes the rounds by medians.

package bench

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"bursar/internal/tools/shop"
)

// Figures are the figures of one round, or of all rounds. Bytes and times are of the product, if they do not say otherwise.
type Figures struct {
	OursSeconds        float64            `json:"ours_seconds"`
	YardstickSeconds   float64            `json:"yardstick_seconds"`
	Steps              map[string]float64 `json:"steps"`                 // seconds; intake and the steps of all runs
	Orchestration      float64            `json:"orchestration_seconds"` // per run, outside its steps
	ServerStartSeconds float64            `json:"server_start_seconds"`  // before the clock starts
	PeakMemory         int64              `json:"peak_memory_bytes"`     // resident, from the process's start
	Written            int64              `json:"written_bytes"`         // while the clock ran

	Peers map[string]PeerFigures `json:"peers,omitempty"` // with the same guarantees
}

// Round is the result of one round.
type Round struct {
	Figures

	YardstickMemory int64 `json:"yardstick_memory_bytes"`
}

// roundLine describes a round.
func (b *bench) roundLine(r *Round) string {
	line := fmt.Sprintf("yardstick %.3f s, ours %.3f s", r.YardstickSeconds, r.OursSeconds)
	for _, name := range b.Peers {
		line += fmt.Sprintf(", %s %.3f s", name, r.Peers[name].Seconds)
	}
	return line
}

func (b *bench) round(ctx context.Context, n int) (Round, error) {
	var yardstick yardstickResult
	err := b.runChild(ctx, childSpec{Kind: kindYardstick, Files: []string{filepath.Join(b.dir, "batch-*.jsonl")}, Dir: b.dir}, &yardstick)
	if err != nil {
		return Round{}, err
	}
	spec := childSpec{Kind: kindProduct, Files: b.files, Sum: n == 0}
	if n == b.Rounds-1 {
		spec.Profile = b.Profile
	}
	var ours productResult
	if err := b.runOnState(ctx, spec, &ours); err != nil {
		return Round{}, err
	}
	if err := b.checkRound(&yardstick, &ours); err != nil {
		return Round{}, err
	}
	round := ours.Round
	round.YardstickSeconds, round.YardstickMemory, round.Peers = yardstick.Seconds, yardstick.Peak, map[string]PeerFigures{}
	for _, name := range b.Peers {
		if round.Peers[name], err = b.peerRound(ctx, name, &ours); err != nil {
			return Round{}, err
		}
	}
	return round, nil
}

// checkRound compares the results of both sides with the generated totals. The artifacts are summed once; the other rounds,
// with equal events and equal state, must make the same bytes (rule 5).
func (b *bench) checkRound(yardstick *yardstickResult, ours *productResult) error {
	want := addTotals(b.totals...)
	if err := compareSums("the yardstick's rows", yardstick.Sums, sumTexts(want)); err != nil {
		return err
	}
	if b.Batches == 1 && yardstick.Keys != want.Keys {
		return fmt.Errorf("the yardstick made %d rows of %d keys", yardstick.Keys, want.Keys)
	}
	if len(ours.Touched) != len(b.totals) {
		return fmt.Errorf("there are %d runs of %d batches", len(ours.Touched), len(b.totals))
	}
	for n, t := range b.totals {
		if ours.Touched[n] != t.Keys {
			return fmt.Errorf("run %d of the round changed %d artifacts for %d keys", n+1, ours.Touched[n], t.Keys)
		}
	}
	if ours.Sums != nil {
		b.firstParts = ours.Parts
		return compareSums("the artifacts", ours.Sums, sumTexts(addTotals(b.stateTotals, want)))
	}
	if !slices.Equal(ours.Parts, b.firstParts) {
		return fmt.Errorf("parts %v differ from those of the first round, %v", ours.Parts, b.firstParts)
	}
	return nil
}

// sumTexts formats totals by column, as both sides return them.
func sumTexts(t shop.Totals) map[string]string {
	return map[string]string{
		"events": fmt.Sprint(t.Events), "shipped": shop.Cents(t.Shipped), "paid": shop.Cents(t.Paid), "refunded": shop.Cents(t.Refunded),
	}
}

func compareSums(what string, got, want map[string]string) error {
	if !maps.Equal(got, want) {
		return fmt.Errorf("the sums of %s are %v, want %v", what, got, want)
	}
	return nil
}

// Report is the result of the benchmark: medians over the rounds, and the highest peaks of memory.
type Report struct {
	Benchmark  string  `json:"benchmark"`
	Events     int64   `json:"events"`
	EventBytes int64   `json:"event_bytes"` // of all events together
	Keys       int     `json:"keys"`
	State      int     `json:"state"`
	Batches    int     `json:"batches"`
	Ratio      float64 `json:"ratio"` // ours / yardstick
	Figures
	EventsPerSecond int64   `json:"events_per_second"`
	Rounds          []Round `json:"rounds"`
}

func (b *bench) report(rounds []Round) Report {
	total := addTotals(b.totals...)
	f := Figures{
		OursSeconds:        median(rounds, func(r *Round) float64 { return r.OursSeconds }),
		YardstickSeconds:   median(rounds, func(r *Round) float64 { return r.YardstickSeconds }),
		Orchestration:      median(rounds, func(r *Round) float64 { return r.Orchestration }),
		ServerStartSeconds: median(rounds, func(r *Round) float64 { return r.ServerStartSeconds }),
		PeakMemory:         highest(rounds, func(r *Round) int64 { return r.PeakMemory }),
		Written:            median(rounds, func(r *Round) int64 { return r.Written }),
		Steps:              map[string]float64{},
		Peers:              map[string]PeerFigures{},
	}
	for name := range rounds[0].Steps {
		f.Steps[name] = median(rounds, func(r *Round) float64 { return r.Steps[name] })
	}
	for _, name := range b.Peers {
		seconds := median(rounds, func(r *Round) float64 { return r.Peers[name].Seconds })
		f.Peers[name] = PeerFigures{
			Ratio: f.OursSeconds / seconds, Seconds: seconds,
			PeakMemory: highest(rounds, func(r *Round) int64 { return r.Peers[name].PeakMemory }),
			Written:    median(rounds, func(r *Round) int64 { return r.Peers[name].Written }),
		}
	}
	return Report{
		Benchmark: "reconcile", Events: total.Events, EventBytes: total.Bytes, Keys: b.Keys, State: b.State, Batches: b.Batches,
		Ratio: f.OursSeconds / f.YardstickSeconds, Figures: f, EventsPerSecond: int64(float64(total.Events) / f.OursSeconds), Rounds: rounds,
	}
}

// median returns the middle value, or the lower of the two middle values.
func median[R any, N cmp.Ordered](rounds []R, figure func(*R) N) N {
	values := sorted(rounds, figure)
	return values[(len(values)-1)/2]
}

func highest[R any, N cmp.Ordered](rounds []R, figure func(*R) N) N {
	return sorted(rounds, figure)[len(rounds)-1]
}

func sorted[R any, N cmp.Ordered](rounds []R, figure func(*R) N) []N {
	values := make([]N, len(rounds))
	for i := range rounds {
		values[i] = figure(&rounds[i])
	}
	slices.Sort(values)
	return values
}
