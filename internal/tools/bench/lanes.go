// Measures runs in three lanes and the same runs one after another, on a local store and on a simulated remote one such as S3.

package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"bursar/internal/app"
	"bursar/internal/object"
	"bursar/internal/reconcile/runs"
	"bursar/internal/tools/shop"
)

// RemoteLatency is the additional time of each call of the simulated remote object store.
const RemoteLatency = 20 * time.Millisecond

// LanesReport is the result of the benchmark: medians over the rounds.
type LanesReport struct {
	Benchmark string       `json:"benchmark"`
	Runs      int          `json:"runs"`
	Events    int64        `json:"events"`
	Keys      int          `json:"keys"`
	State     int          `json:"state"`
	Ratio     float64      `json:"ratio"` // throughput of three lanes / of one run after another, on the remote store
	Stores    []LanesStore `json:"stores"`
}

// LanesStore is the result for one store: seconds, and CPU seconds.
type LanesStore struct {
	LatencySeconds  float64 `json:"latency_seconds"` // added to a call
	CallsSeconds    float64 `json:"plain_calls_seconds"`
	CallsCPU        float64 `json:"plain_calls_cpu_seconds"`
	RunsSeconds     float64 `json:"one_after_another_seconds"`
	RunsCPU         float64 `json:"one_after_another_cpu_seconds"`
	LanesSeconds    float64 `json:"three_lanes_seconds"`
	LanesCPU        float64 `json:"three_lanes_cpu_seconds"`
	Ratio           float64 `json:"ratio"`             // throughput of three lanes / of one run after another
	CallsRatio      float64 `json:"plain_calls_ratio"` // throughput of three lanes / of direct calls
	EventsPerSecond int64   `json:"events_per_second"` // in three lanes
}

// The modes in which the same runs are executed.
const (
	plainCalls      = "plain calls"       // the steps as functions, one after another, without workflow and retries
	oneAfterAnother = "one after another" // each batch is reconciled before the next is sealed
	threeLanes      = "three lanes"       // all batches are sealed before
)

type lanesResult struct {
	Seconds float64  `json:"seconds"`
	CPU     float64  `json:"cpu"`   // CPU seconds
	Parts   []string `json:"parts"` // digests
}

// Lanes measures the time to process a backlog, with one batch per run, in three lanes and one run after another.
func Lanes(ctx context.Context, o Options) (report LanesReport, err error) {
	err = o.inFolder(shop.BenchPipeline+"backlog: {max_batches: 1}\n", func(b *bench) (err error) {
		report, err = b.lanes(ctx)
		return err
	})
	return report, err
}

func (b *bench) lanes(ctx context.Context) (r LanesReport, err error) {
	if err := b.generate(ctx); err != nil {
		return r, err
	}
	if err := b.prepare(ctx); err != nil {
		return r, err
	}
	r = LanesReport{Benchmark: "lanes", Runs: b.Batches, Events: addTotals(b.totals...).Events, Keys: b.Keys, State: b.State}
	for _, latency := range []time.Duration{RemoteLatency, 0} {
		store, err := b.lanesStore(ctx, latency)
		if err != nil {
			return r, err
		}
		store.EventsPerSecond = int64(float64(r.Events) / store.LanesSeconds)
		r.Stores = append(r.Stores, store)
	}
	r.Ratio = r.Stores[0].Ratio
	return r, nil
}

func (b *bench) lanesStore(ctx context.Context, latency time.Duration) (s LanesStore, err error) {
	modes := []string{plainCalls, oneAfterAnother, threeLanes}
	results := map[string][]lanesResult{}
	for n := range b.Rounds {
		for _, mode := range modes {
			spec := childSpec{Kind: kindLanes, Files: b.files, Latency: latency, Mode: mode}
			if n == b.Rounds-1 && mode == threeLanes {
				spec.Profile = b.Profile
			}
			result, err := b.lanesChild(ctx, spec)
			if err != nil {
				return s, err
			}
			results[mode] = append(results[mode], result)
			b.logf("%v a call, round %d of %d: %s %.3f s", latency, n+1, b.Rounds, mode, result.Seconds)
		}
	}
	seconds := func(mode string) float64 {
		return median(results[mode], func(r *lanesResult) float64 { return r.Seconds })
	}
	cpu := func(mode string) float64 { return median(results[mode], func(r *lanesResult) float64 { return r.CPU }) }
	s = LanesStore{
		LatencySeconds: latency.Seconds(),
		CallsSeconds:   seconds(plainCalls), RunsSeconds: seconds(oneAfterAnother), LanesSeconds: seconds(threeLanes),
		CallsCPU: cpu(plainCalls), RunsCPU: cpu(oneAfterAnother), LanesCPU: cpu(threeLanes),
	}
	s.Ratio, s.CallsRatio = s.RunsSeconds/s.LanesSeconds, s.CallsSeconds/s.LanesSeconds
	return s, nil
}

// lanesChild measures once, on a copy of the state. All measurements must make the same parts (rules 5 and 6).
func (b *bench) lanesChild(ctx context.Context, spec childSpec) (r lanesResult, err error) {
	if err := b.runOnState(ctx, spec, &r); err != nil {
		return r, err
	}
	if b.firstParts == nil {
		b.firstParts = r.Parts
	}
	if !slices.Equal(r.Parts, b.firstParts) {
		return r, fmt.Errorf("parts %v differ from the first ones, %v", r.Parts, b.firstParts)
	}
	return r, nil
}

// measureLanes ingests the files, a batch each, and measures the time of the runs.
func measureLanes(ctx context.Context, spec childSpec) (r lanesResult, err error) {
	err = withProject(ctx, spec.Dir, func(a *app.App) error {
		before, err := a.Queries.Current(ctx, pipeline)
		if err != nil {
			return err
		}
		if spec.Latency > 0 {
			a.Engine.Objects = slowStore{a.Engine.Objects, spec.Latency}
		}
		if err := a.StartTemporal(ctx); err != nil {
			return err
		}
		size := 1 // number of files ingested before their runs
		if spec.Mode != oneAfterAnother {
			size = len(spec.Files)
		}
		err = profiled(spec.Profile, func() error {
			for files := range slices.Chunk(spec.Files, size) {
				if err := r.runFiles(ctx, a, spec.Mode, files); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		return r.collect(ctx, a, before, len(spec.Files))
	})
	return r, err
}

func (r *lanesResult) runFiles(ctx context.Context, a *app.App, mode string, files []string) (err error) {
	for _, file := range files {
		if err := ingestFile(ctx, a, file); err != nil {
			return err
		}
	}
	began, busy := time.Now(), cpuSeconds()
	if mode == plainCalls {
		err = callSteps(ctx, a)
	} else {
		_, err = a.Run(ctx, []string{pipeline}, nil)
	}
	r.Seconds += time.Since(began).Seconds()
	r.CPU += cpuSeconds() - busy
	return err
}

func callSteps(ctx context.Context, a *app.App) error {
	for {
		next, err := a.Steps.Next(ctx, pipeline, 0, false)
		if err != nil || !next.Backlog {
			return err
		}
		for _, step := range runs.StepNames {
			if _, err := a.Steps.Step(ctx, next.Ref, step); err != nil {
				return err
			}
		}
	}
}

func (r *lanesResult) collect(ctx context.Context, a *app.App, before runs.Generation, want int) error {
	runs, err := a.Runs(ctx, pipeline, max(before.Generation, 1), before.Published)
	if err != nil {
		return err
	}
	if len(runs) != want {
		return fmt.Errorf("there are %d runs of %d batches", len(runs), want)
	}
	for _, run := range runs {
		for _, part := range run.Parts() {
			r.Parts = append(r.Parts, part.Digest)
		}
	}
	return nil
}

// slowStore adds a wait to each call of a store. Code that reads an object in place waits when it asks for the path.
type slowStore struct {
	object.Local
	latency time.Duration
}

func (s slowStore) wait() { <-time.After(s.latency) }

func (s slowStore) Files() object.Files { return slowFiles{s.Local.Files(), s} }

func (s slowStore) OpenSized(ctx context.Context, name string, size int64) (object.Reader, error) {
	s.wait()
	r, err := s.Local.OpenSized(ctx, name, size)
	return slowReader{r, s}, err
}

type slowFiles struct {
	object.Files
	store slowStore
}

func (f slowFiles) Path(d object.Description) string {
	f.store.wait()
	return f.Files.Path(d)
}

func (s slowStore) Create(ctx context.Context, name string) (object.Writer, error) {
	s.wait()
	w, err := s.Local.Create(ctx, name)
	return slowWriter{w, s}, err
}

func (s slowStore) Open(ctx context.Context, name string) (object.Reader, error) {
	s.wait()
	r, err := s.Local.Open(ctx, name)
	return slowReader{r, s}, err
}

func (s slowStore) List(ctx context.Context, prefix string) ([]string, error) {
	s.wait()
	return s.Local.List(ctx, prefix)
}

func (s slowStore) Delete(ctx context.Context, name string) error {
	s.wait()
	return s.Local.Delete(ctx, name)
}

// slowWriter waits at the end only, because a store like S3 accepts bytes as they arrive.
type slowWriter struct {
	object.Writer
	store slowStore
}

func (w slowWriter) Commit() error {
	w.store.wait()
	return w.Writer.Commit()
}

type slowReader struct {
	object.Reader
	store slowStore
}

func (r slowReader) ReadAt(p []byte, off int64) (int, error) {
	r.store.wait()
	return r.Reader.ReadAt(p, off)
}
