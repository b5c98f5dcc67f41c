// Summarizes the rounds: medians, and the ratio of medians.

package bench

import (
	"cmp"
	"slices"
)

// Report is the result of the benchmark. Seconds and bytes are medians over the rounds unless stated otherwise.
type Report struct {
	Benchmark          string             `json:"benchmark"`
	Events             int64              `json:"events"`
	EventBytes         int64              `json:"event_bytes"` // of all events together
	Keys               int                `json:"keys"`
	State              int                `json:"state"`
	Batches            int                `json:"batches"`
	Ratio              float64            `json:"ratio"` // ours / yardstick
	OursSeconds        float64            `json:"ours_seconds"`
	YardstickSeconds   float64            `json:"yardstick_seconds"`
	EventsPerSecond    int64              `json:"events_per_second"`
	Steps              map[string]float64 `json:"steps"`
	Orchestration      float64            `json:"orchestration_seconds"` // per run
	ServerStartSeconds float64            `json:"server_start_seconds"`
	PeakMemory         int64              `json:"peak_memory_bytes"` // the highest of all rounds
	Written            int64              `json:"written_bytes"`
	Rounds             []Round            `json:"rounds"`

	Peers map[string]PeerFigures `json:"peers,omitempty"` // with the same guarantees
}

func (b *bench) report(rounds []Round) Report {
	total := addTotals(b.totals...)
	r := Report{
		Benchmark: "reconcile", Events: total.Events, EventBytes: total.Bytes, Keys: b.Keys, State: b.State, Batches: b.Batches,
		OursSeconds:        median(rounds, func(r *Round) float64 { return r.OursSeconds }),
		YardstickSeconds:   median(rounds, func(r *Round) float64 { return r.YardstickSeconds }),
		Orchestration:      median(rounds, func(r *Round) float64 { return r.Orchestration }),
		ServerStartSeconds: median(rounds, func(r *Round) float64 { return r.ServerStartSeconds }),
		Written:            median(rounds, func(r *Round) int64 { return r.Written }),
		Steps:              map[string]float64{},
		Rounds:             rounds,
	}
	for name := range rounds[0].Steps {
		r.Steps[name] = median(rounds, func(r *Round) float64 { return r.Steps[name] })
	}
	for i := range rounds {
		r.PeakMemory = max(r.PeakMemory, rounds[i].PeakMemory)
	}
	r.Ratio = r.OursSeconds / r.YardstickSeconds
	r.Peers = b.reportPeers(rounds, r.OursSeconds)
	r.EventsPerSecond = int64(float64(r.Events) / r.OursSeconds)
	return r
}

// median returns the middle value, or the lower of the two middle values.
func median[R any, N cmp.Ordered](rounds []R, figure func(*R) N) N {
	values := make([]N, len(rounds))
	for i := range rounds {
		values[i] = figure(&rounds[i])
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}
