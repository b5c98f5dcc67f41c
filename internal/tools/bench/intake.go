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
	"sync/atomic"
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
	report = IntakeReport{Benchmark: "intake", Batch: o.Batch, Connections: o.Connections}
	err = Options{Dir: o.Dir}.inFolder("", func(b *bench) (err error) {
		stop, err := profile(o.Profile)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stop()) }()
		return report.measure(ctx, b.dir, o)
	})
	return report, err
}

func (r *IntakeReport) measure(ctx context.Context, dir string, o IntakeOptions) error {
	for n := range o.Rounds {
		bodies, totals, err := makeRequests(o, n+1)
		if err != nil {
			return err
		}
		r.Events, r.EventBytes = totals.Events, totals.Bytes
		round, err := intakeRound(ctx, filepath.Join(dir, fmt.Sprint(n)), bodies, totals, o.Connections)
		if err != nil {
			return fmt.Errorf("round %d: %w", n+1, err)
		}
		o.Watch(fmt.Sprintf("round %d of %d: yardstick %.3f s, ours %.3f s", n+1, o.Rounds, round.YardstickSeconds, round.Seconds))
		r.Rounds = append(r.Rounds, round)
	}
	r.summarize()
	return nil
}

func (r *IntakeReport) summarize() {
	medianOf := func(figure func(*IntakeRound) float64) float64 { return median(r.Rounds, figure) }
	seconds := medianOf(func(r *IntakeRound) float64 { return r.Seconds })
	r.Ratio = seconds / medianOf(func(r *IntakeRound) float64 { return r.YardstickSeconds })
	r.EventsPerSecond = int64(float64(r.Events) / seconds)
	r.P50 = medianOf(func(r *IntakeRound) float64 { return r.P50 })
	r.P99 = medianOf(func(r *IntakeRound) float64 { return r.P99 })
}

func makeRequests(o IntakeOptions, round int) ([][]byte, shop.Totals, error) {
	var text bytes.Buffer
	totals, err := shop.WriteBench(&text, shop.Bench{Seed: seed, Events: o.Events, Keys: max(o.Events/4, 1), Batch: round})
	if err != nil {
		return nil, totals, fmt.Errorf("generate requests: %w", err)
	}
	var bodies [][]byte
	for lines := range slices.Chunk(slices.Collect(bytes.Lines(text.Bytes())), o.Batch) {
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
	disk, err := newGroupCommit(filepath.Join(dir, "yardstick"))
	if err != nil {
		return r, err
	}
	yardstick, seconds, err := inParallel(ctx, clients, bodies, disk.write)
	if err := errors.Join(err, disk.close()); err != nil {
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
	waiting chan commit
	ended   chan struct{}
}

type commit struct {
	body []byte
	done chan error
}

func newGroupCommit(path string) (*groupCommit, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("make yardstick file: %w", err)
	}
	g := &groupCommit{file: file, waiting: make(chan commit), ended: make(chan struct{})}
	go g.run()
	return g, nil
}

// write returns once the body is durable.
func (g *groupCommit) write(ctx context.Context, body []byte) error {
	c := commit{body: body, done: make(chan error, 1)}
	select {
	case g.waiting <- c:
		return <-c.done
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *groupCommit) run() {
	defer close(g.ended)
	for first := range g.waiting {
		group := []commit{first}
		for drain := true; drain; {
			select {
			case c, ok := <-g.waiting:
				if drain = ok; ok {
					group = append(group, c)
				}
			default:
				drain = false
			}
		}
		var err error
		for _, c := range group {
			if err == nil {
				_, err = g.file.Write(c.body)
			}
		}
		if err == nil {
			err = g.file.Sync()
		}
		for _, c := range group {
			c.done <- err
		}
	}
}

func (g *groupCommit) close() error {
	close(g.waiting)
	<-g.ended
	return g.file.Close()
}
