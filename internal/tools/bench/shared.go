// Compares the same work on embedded and on shared backends: objects in S3, catalog and index in PostgreSQL.

package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"bursar/internal/app"
	"bursar/internal/tools/shop"
)

// Servers are the servers of shared backends. Whoever starts them also counts what is asked of them.
type Servers interface {
	// Assign makes the project in a folder one on new, empty backends. If counted, all requests to them are counted.
	Assign(ctx context.Context, dir string, counted bool) error
	// Settle completes what the servers do in the background, so that no side pays for the work of another.
	Settle(ctx context.Context) error
	// Requests returns what was counted so far.
	Requests() Requests
}

// Requests are numbers of requests to the servers.
type Requests struct {
	Put        int64 // to S3: all that write, each part and both ends of a multipart upload included
	Get        int64
	Head       int64
	List       int64
	Delete     int64
	RoundTrips int64 // to PostgreSQL: messages that its client waits for
}

// Sum returns the number of all requests.
func (r Requests) Sum() int64 { return r.Put + r.Get + r.Head + r.List + r.Delete + r.RoundTrips }

// Minus returns the requests since an earlier count.
func (r Requests) Minus(o Requests) Requests {
	return Requests{
		Put: r.Put - o.Put, Get: r.Get - o.Get, Head: r.Head - o.Head, List: r.List - o.List, Delete: r.Delete - o.Delete,
		RoundTrips: r.RoundTrips - o.RoundTrips,
	}
}

// SharedReport is the result of the benchmark: medians over the rounds, and requests of one more round.
type SharedReport struct {
	Events   int64
	Ratio    float64 // shared / embedded
	Embedded Figures
	Shared   Figures
	Rounds   []SharedRound

	Requests Requests // of a process that opens the project, ingests, runs the pipeline and closes
	ColdGet  Requests // of a process that opens the project and reads one artifact
	Gets     []int64  // requests of each of more reads in an open process, ascending
}

// SharedRound is the result of one round.
type SharedRound struct{ Embedded, Shared Figures }

// Shared measures the work of Reconcile on embedded and on shared backends in turn, and then counts requests, without a clock.
func Shared(ctx context.Context, o Options, servers Servers) (report SharedReport, err error) {
	err = o.inFolder(shop.BenchPipeline, func(b *bench) error {
		if err := b.generate(ctx); err != nil {
			return err
		}
		if err := b.prepare(ctx); err != nil {
			return err
		}
		s := &sharedBench{bench: b, servers: servers}
		report.Rounds, err = rounds(&o, func(n int) (SharedRound, error) { return s.round(ctx, n) }, describeShared)
		if err != nil {
			return err
		}
		report.summarize(addTotals(b.totals...).Events)
		return s.count(ctx, &report)
	})
	return report, err
}

type sharedBench struct {
	*bench
	servers Servers
}

func describeShared(r *SharedRound) string {
	return fmt.Sprintf("embedded %.3f s, shared %.3f s", r.Embedded.OursSeconds, r.Shared.OursSeconds)
}

func (s *sharedBench) round(ctx context.Context, n int) (r SharedRound, err error) {
	var embedded, shared productResult
	spec := childSpec{Kind: kindProduct, Files: s.files, Sum: n == 0}
	if err := s.runOnState(ctx, spec, &embedded); err != nil {
		return r, err
	}
	if err := s.checkParts(&embedded); err != nil {
		return r, err
	}
	spec.Dir = filepath.Join(s.dir, fmt.Sprintf("shared-%d", n+1))
	if n == s.Rounds-1 {
		spec.Profile = s.Profile
	}
	if err := s.prepareShared(ctx, spec.Dir, false); err != nil {
		return r, err
	}
	if err := s.runChild(ctx, spec, &shared); err != nil {
		return r, err
	}
	if err := s.checkParts(&shared); err != nil {
		return r, err
	}
	return SharedRound{embedded.Figures, shared.Figures}, os.RemoveAll(spec.Dir)
}

// checkParts checks that all sides made the same artifacts (rule 5).
func (s *sharedBench) checkParts(r *productResult) error {
	if r.Sums != nil {
		if err := compareSums("the artifacts", r.Sums, sumTexts(addTotals(append(slices.Clone(s.totals), s.stateTotals)...))); err != nil {
			return err
		}
	}
	if s.firstParts == nil {
		s.firstParts = r.Parts
	}
	if !slices.Equal(r.Parts, s.firstParts) {
		return fmt.Errorf("parts %v differ from the first ones, %v", r.Parts, s.firstParts)
	}
	return nil
}

// prepareShared makes a project with the same state as the embedded one on shared backends.
func (s *sharedBench) prepareShared(ctx context.Context, dir string, counted bool) error {
	if err := writeProject(dir, s.pipeline); err != nil {
		return err
	}
	if err := s.servers.Assign(ctx, dir, counted); err != nil {
		return err
	}
	var totals shop.Totals
	if err := s.runChild(ctx, childSpec{Kind: kindState, Dir: dir, State: s.State}, &totals); err != nil {
		return err
	}
	if totals != s.stateTotals {
		return fmt.Errorf("the totals of the shared state are %+v, but the embedded ones are %+v", totals, s.stateTotals)
	}
	return s.servers.Settle(ctx)
}

// count repeats the work behind counters.
func (s *sharedBench) count(ctx context.Context, report *SharedReport) error {
	dir := filepath.Join(s.dir, "counted")
	if err := s.prepareShared(ctx, dir, true); err != nil {
		return err
	}
	before := s.servers.Requests()
	var r productResult
	if err := s.runChild(ctx, childSpec{Kind: kindProduct, Dir: dir, Files: s.files}, &r); err != nil {
		return err
	}
	report.Requests = s.servers.Requests().Minus(before)
	if err := s.checkParts(&r); err != nil {
		return err
	}
	keys, err := firstKeys(s.files[0], s.Reads+1)
	if err != nil {
		return err
	}
	before = s.servers.Requests()
	err = withProject(ctx, dir, func(a *app.App) error {
		_, err := a.Queries.Get(ctx, pipeline, keys[0], 0, false)
		return err
	})
	report.ColdGet = s.servers.Requests().Minus(before)
	if err != nil {
		return err
	}
	report.Gets, err = s.countGets(ctx, dir, keys)
	return err
}

// countGets opens the project, reads one artifact, and counts the requests of each of the following reads.
func (s *sharedBench) countGets(ctx context.Context, dir string, keys []string) (counts []int64, err error) {
	err = withProject(ctx, dir, func(a *app.App) error {
		for i, key := range keys {
			before := s.servers.Requests()
			if _, err := a.Queries.Get(ctx, pipeline, key, 0, false); err != nil {
				return err
			}
			if i > 0 {
				counts = append(counts, s.servers.Requests().Minus(before).Sum())
			}
		}
		return nil
	})
	slices.Sort(counts)
	return counts, err
}

// firstKeys returns the first distinct keys of a file of events.
func firstKeys(path string, n int) (keys []string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	defer file.Close()
	var event struct {
		Key string `json:"order_id"`
	}
	for events := json.NewDecoder(file); len(keys) < n && events.More(); {
		if err := events.Decode(&event); err != nil {
			return nil, fmt.Errorf("read keys: %w", err)
		}
		if !slices.Contains(keys, event.Key) {
			keys = append(keys, event.Key)
		}
	}
	return keys, nil
}

func (r *SharedReport) summarize(events int64) {
	r.Events = events
	r.Embedded = medianFigures(r.Rounds, func(r *SharedRound) *Figures { return &r.Embedded })
	r.Shared = medianFigures(r.Rounds, func(r *SharedRound) *Figures { return &r.Shared })
	r.Ratio = r.Shared.OursSeconds / r.Embedded.OursSeconds
}

// medianFigures returns the medians of the times of one side.
func medianFigures[R any](rounds []R, of func(*R) *Figures) Figures {
	f := Figures{
		OursSeconds:   median(rounds, func(r *R) float64 { return of(r).OursSeconds }),
		Orchestration: median(rounds, func(r *R) float64 { return of(r).Orchestration }),
		Steps:         map[string]float64{},
	}
	for name := range of(&rounds[0]).Steps {
		f.Steps[name] = median(rounds, func(r *R) float64 { return of(r).Steps[name] })
	}
	return f
}
