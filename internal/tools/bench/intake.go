// Measures live intake over HTTP, and writing and fsyncing the same bytes.

package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"bursar/internal/tools/shop"

	"golang.org/x/sync/errgroup"
)

// IntakeOptions of the benchmark intake.
type IntakeOptions struct {
	Events      int // of each round
	Batch       int // events of one request
	Connections int // clients that each send one request after another
	Rounds      int // each measures the yardstick and the product
	Dir         string
	Profile     string // file for a CPU profile of all rounds; empty is none
	Watch       func(line string)
}

// IntakeRound is the result of one round. Latencies are milliseconds from sending a request to its response.
type IntakeRound struct {
	Seconds          float64 `json:"seconds"`
	P50              float64 `json:"p50_ms"`
	P99              float64 `json:"p99_ms"`
	Slowest          float64 `json:"slowest_ms"`
	YardstickSeconds float64 `json:"yardstick_seconds"`
	YardstickP50     float64 `json:"yardstick_p50_ms"`
	YardstickP99     float64 `json:"yardstick_p99_ms"`
}

// IntakeReport is the result of the benchmark: medians over the rounds.
type IntakeReport struct {
	Benchmark       string        `json:"benchmark"`
	Events          int64         `json:"events"` // of each round
	EventBytes      int64         `json:"event_bytes"`
	Batch           int           `json:"request_events"`
	Connections     int           `json:"connections"`
	Ratio           float64       `json:"ratio"` // ours / yardstick
	EventsPerSecond int64         `json:"events_per_second"`
	P50             float64       `json:"p50_ms"`
	P99             float64       `json:"p99_ms"`
	Rounds          []IntakeRound `json:"rounds"`
}

// Intake measures how many events a second a running project acknowledges as durable over HTTP. The clients run on the same
// machine.
func Intake(ctx context.Context, o IntakeOptions) (report IntakeReport, err error) {
	dir, err := os.MkdirTemp(o.Dir, "bursar-bench-*")
	if err != nil {
		return report, fmt.Errorf("make bench folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	stop, err := profile(o.Profile)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	report = IntakeReport{Benchmark: "intake", Batch: o.Batch, Connections: o.Connections}
	for n := range o.Rounds {
		bodies, totals, err := makeRequests(o, n+1)
		if err != nil {
			return report, err
		}
		report.Events, report.EventBytes = totals.Events, totals.Bytes
		round, err := intakeRound(ctx, filepath.Join(dir, fmt.Sprint(n)), bodies, totals, o.Connections)
		if err != nil {
			return report, fmt.Errorf("round %d: %w", n+1, err)
		}
		o.Watch(fmt.Sprintf("round %d of %d: yardstick %.3f s, ours %.3f s", n+1, o.Rounds, round.YardstickSeconds, round.Seconds))
		report.Rounds = append(report.Rounds, round)
	}
	report.summarize()
	return report, nil
}

func (r *IntakeReport) summarize() {
	medianOf := func(figure func(*IntakeRound) float64) float64 {
		values := make([]float64, len(r.Rounds))
		for i := range r.Rounds {
			values[i] = figure(&r.Rounds[i])
		}
		slices.Sort(values)
		return values[(len(values)-1)/2]
	}
	seconds := medianOf(func(r *IntakeRound) float64 { return r.Seconds })
	r.Ratio = seconds / medianOf(func(r *IntakeRound) float64 { return r.YardstickSeconds })
	r.EventsPerSecond = int64(float64(r.Events) / seconds)
	r.P50 = medianOf(func(r *IntakeRound) float64 { return r.P50 })
	r.P99 = medianOf(func(r *IntakeRound) float64 { return r.P99 })
}

// makeRequests generates the events of a round and splits them into bodies.
func makeRequests(o IntakeOptions, round int) ([][]byte, shop.Totals, error) {
	var text bytes.Buffer
	totals, err := shop.WriteBench(&text, shop.Bench{Seed: seed, Events: o.Events, Keys: max(o.Events/4, 1), Batch: round})
	if err != nil {
		return nil, totals, fmt.Errorf("generate requests: %w", err)
	}
	var bodies [][]byte
	var body []byte
	n := 0
	for line := range bytes.Lines(text.Bytes()) {
		body = append(body, line...)
		if n++; n%o.Batch == 0 || n == o.Events {
			bodies = append(bodies, body)
			body = nil
		}
	}
	return bodies, totals, nil
}

// intakeRound measures both sides on the same bodies, each in a new folder.
func intakeRound(ctx context.Context, dir string, bodies [][]byte, totals shop.Totals, clients int) (r IntakeRound, err error) {
	if err := os.MkdirAll(filepath.Join(dir, "project", "streams"), 0o755); err != nil {
		return r, fmt.Errorf("make bench folder: %w", err)
	}
	disk, err := newGroupCommit(filepath.Join(dir, "yardstick"))
	if err != nil {
		return r, err
	}
	yardstick, seconds, err := sendAll(ctx, bodies, clients, disk.write)
	if err := errors.Join(err, disk.close()); err != nil {
		return r, err
	}
	r.YardstickSeconds, r.YardstickP50, r.YardstickP99 = seconds, quantile(yardstick, 50), quantile(yardstick, 99)
	ours, seconds, err := measureAPI(ctx, filepath.Join(dir, "project"), bodies, totals, clients)
	if err != nil {
		return r, err
	}
	r.Seconds, r.P50, r.P99, r.Slowest = seconds, quantile(ours, 50), quantile(ours, 99), quantile(ours, 100)
	return r, os.RemoveAll(dir)
}

// sendAll lets clients send one body after another. It returns the sorted latencies and the total seconds.
func sendAll(ctx context.Context, bodies [][]byte, clients int, send func(ctx context.Context, body []byte) error) ([]time.Duration, float64, error) {
	took := make([]time.Duration, len(bodies))
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for c := range clients {
		group.Go(func() error {
			for i := c; i < len(bodies); i += clients {
				at := time.Now()
				if err := send(ctx, bodies[i]); err != nil {
					return err
				}
				took[i] = time.Since(at)
			}
			return nil
		})
	}
	err := group.Wait()
	seconds := time.Since(began).Seconds()
	slices.Sort(took)
	return took, seconds, err
}

// quantile returns a percentile in milliseconds.
func quantile(sorted []time.Duration, percent int) float64 {
	return float64(sorted[(len(sorted)-1)*percent/100].Microseconds()) / 1000
}
