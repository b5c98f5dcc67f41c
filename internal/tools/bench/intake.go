// Measures live intake over HTTP, and writing and fsyncing the same bytes to a file.

package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"bursar/internal/tools/shop"

	"golang.org/x/sync/errgroup"
)

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
func Intake(ctx context.Context, o Options) (r IntakeReport, err error) {
	r = IntakeReport{Benchmark: "intake", Batch: o.Request, Connections: o.Connections}
	err = o.inFolder("", func(b *bench) error {
		return profiled(o.Profile, func() (err error) {
			r.Rounds, err = rounds(&o, func(n int) (round IntakeRound, err error) {
				bodies, totals, err := makeRequests(&o, n+1)
				if err != nil {
					return round, err
				}
				r.Events, r.EventBytes = totals.Events, totals.Bytes
				return intakeRound(ctx, filepath.Join(b.dir, fmt.Sprint(n)), bodies, totals, o.Connections)
			}, func(r *IntakeRound) string {
				return fmt.Sprintf("yardstick %.3f s, ours %.3f s", r.YardstickSeconds, r.Seconds)
			})
			return err
		})
	})
	if err != nil {
		return r, err
	}
	seconds := median(r.Rounds, func(r *IntakeRound) float64 { return r.Seconds })
	r.Ratio = seconds / median(r.Rounds, func(r *IntakeRound) float64 { return r.YardstickSeconds })
	r.EventsPerSecond = int64(float64(r.Events) / seconds)
	r.P50 = median(r.Rounds, func(r *IntakeRound) float64 { return r.P50 })
	r.P99 = median(r.Rounds, func(r *IntakeRound) float64 { return r.P99 })
	return r, nil
}

func makeRequests(o *Options, round int) ([][]byte, shop.Totals, error) {
	var text bytes.Buffer
	totals, err := shop.WriteBench(&text, shop.Bench{Seed: seed, Events: o.Events, Keys: max(o.Events/4, 1), Batch: round})
	if err != nil {
		return nil, totals, fmt.Errorf("generate requests: %w", err)
	}
	var bodies [][]byte
	for lines := range slices.Chunk(slices.Collect(bytes.Lines(text.Bytes())), o.Request) {
		bodies = append(bodies, bytes.Join(lines, nil))
	}
	return bodies, totals, nil
}

// intakeRound measures both sides on the same bodies, each in a new folder.
func intakeRound(ctx context.Context, dir string, bodies [][]byte, totals shop.Totals, clients int) (r IntakeRound, err error) {
	project := filepath.Join(dir, "project")
	if err := writeProject(project, ""); err != nil {
		return r, err
	}
	file, err := os.Create(filepath.Join(dir, "yardstick"))
	if err != nil {
		return r, fmt.Errorf("make yardstick file: %w", err)
	}
	disk := &groupCommit{file: file}
	yardstick, seconds, err := inParallel(ctx, clients, bodies, disk.write)
	if err := errors.Join(err, file.Close()); err != nil {
		return r, err
	}
	r.YardstickSeconds, r.YardstickP50, r.YardstickP99 = seconds.Seconds(), quantile(yardstick, 50), quantile(yardstick, 99)
	ours, seconds, err := measureAPI(ctx, project, bodies, totals, clients)
	if err != nil {
		return r, err
	}
	r.Seconds, r.P50, r.P99, r.Slowest = seconds.Seconds(), quantile(ours, 50), quantile(ours, 99), quantile(ours, 100)
	return r, os.RemoveAll(dir)
}

// inParallel lets clients call do with one item after another. It returns the sorted latencies and the total time.
func inParallel[T any](ctx context.Context, clients int, items []T, do func(ctx context.Context, item T) error) ([]time.Duration, time.Duration, error) {
	took := make([]time.Duration, len(items))
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for c := range clients {
		group.Go(func() error {
			for i := c; i < len(items); i += clients {
				at := time.Now()
				if err := do(ctx, items[i]); err != nil {
					return err
				}
				took[i] = time.Since(at)
			}
			return nil
		})
	}
	err := group.Wait()
	all := time.Since(began)
	slices.Sort(took)
	return took, all, err
}

func quantile(sorted []time.Duration, percent int) float64 {
	return float64(sorted[(len(sorted)-1)*percent/100].Microseconds()) / 1000
}

// measureAPI starts the project, sends it the bodies, and checks that it accepts every event.
func measureAPI(ctx context.Context, dir string, bodies [][]byte, totals shop.Totals, clients int) (took []time.Duration, all time.Duration, err error) {
	err = withRunningProject(ctx, dir, clients, func(c *apiClient) (err error) {
		var sum atomic.Int64
		took, all, err = inParallel(ctx, clients, bodies, func(ctx context.Context, body []byte) error {
			accepted, err := c.send(ctx, body)
			sum.Add(accepted)
			return err
		})
		if got := sum.Load(); err == nil && got != totals.Events {
			err = fmt.Errorf("%d of %d events were accepted", got, totals.Events)
		}
		return err
	})
	return took, all, err
}

// groupCommit is the yardstick: waiting bodies are written and fsynced together.
type groupCommit struct {
	file    *os.File
	disk    sync.Mutex // held while a group is written
	lock    sync.Mutex // of waiting
	waiting *commitGroup
}

// commitGroup is bodies that are written together, by the client that began the group.
type commitGroup struct {
	bodies [][]byte
	done   chan struct{}
	err    error
}

// write returns once the body is durable.
func (g *groupCommit) write(_ context.Context, body []byte) error {
	g.lock.Lock()
	group, begins := g.waiting, g.waiting == nil
	if begins {
		group = &commitGroup{done: make(chan struct{})}
		g.waiting = group
	}
	group.bodies = append(group.bodies, body)
	g.lock.Unlock()
	if !begins {
		<-group.done
		return group.err
	}
	g.disk.Lock()
	defer g.disk.Unlock()
	g.lock.Lock()
	g.waiting = nil
	g.lock.Unlock()
	defer close(group.done)
	for _, body := range group.bodies {
		if _, group.err = g.file.Write(body); group.err != nil {
			return group.err
		}
	}
	group.err = g.file.Sync()
	return group.err
}
