// Processes that share the limits of an institution, in virtual time: no interval has more requests than declared, no moment more sessions, whatever
// becomes of the processes.

package limit

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bursar/internal/failure"
)

// institution counts what it gets.
type institution struct {
	mu       sync.Mutex
	requests []time.Time
	open     int
	most     int
	broken   bool
}

func (i *institution) begin(d int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.open += d
	i.most = max(i.most, i.open)
}

// request is one request of a session.
func (i *institution) request() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.requests = append(i.requests, time.Now())
	if i.broken {
		return failure.Wrap(failure.Transient, errors.New("away"))
	}
	return nil
}

// mostIn returns the most requests in any interval.
func (i *institution) mostIn(per time.Duration) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	slices.SortFunc(i.requests, time.Time.Compare)
	most, first := 0, 0
	for last := range i.requests {
		for i.requests[last].Sub(i.requests[first]) >= per {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}

// entity decides about the parts, as the workflow does.
type entity struct {
	mu     sync.Mutex
	shares Shares
	asks   int
}

func (e *entity) lease(ctx context.Context, _ string, a Ask) (Part, error) {
	pause(ctx, 20*time.Millisecond) // within a bubble time is virtual
	e.mu.Lock()
	e.asks++
	part := e.shares.Lease(time.Now(), a)
	e.mu.Unlock()
	pause(ctx, 10*time.Millisecond)
	return part, ctx.Err()
}

// work has sessions of some requests until ctx ends.
func work(ctx context.Context, p *Pool, i *institution, l Limits, requests int) {
	for ctx.Err() == nil {
		s, err := p.Session(ctx, "acme", l)
		if err != nil {
			var busy *BusyError
			if errors.As(err, &busy) {
				pause(ctx, min(busy.After, time.Minute))
			}
			continue
		}
		i.begin(1)
		for range requests {
			if err = s.Permit(ctx); err != nil {
				break
			}
			if err = i.request(); err != nil {
				break
			}
			pause(ctx, 30*time.Millisecond)
		}
		i.begin(-1)
		s.End(err)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func TestProcessesStayWithinLimits(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	for _, l := range []Limits{
		{Requests: 60, Per: time.Minute, Sessions: 4, Failures: 5, Wait: time.Minute, Longest: time.Hour},
		{Requests: 600, Per: time.Minute, Sessions: 8, Failures: 5, Wait: time.Minute, Longest: time.Hour},
		{Requests: 5, Per: time.Second, Sessions: 2, Failures: 5, Wait: time.Minute, Longest: time.Hour},
		{Requests: 2, Per: time.Minute, Sessions: 1, Failures: 5, Wait: time.Minute, Longest: time.Hour},
		{Requests: 500, Per: time.Second, Sessions: 64, Failures: 5, Wait: time.Minute, Longest: time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, uint64(l.Requests)))
			i, e := &institution{}, &entity{}
			ctx, end := context.WithTimeout(t.Context(), horizon(l))
			defer end()
			var group sync.WaitGroup
			for n := range 12 { // processes that begin and die
				begin, life := time.Duration(random.Int64N(int64(horizon(l)/2))), time.Duration(random.Int64N(int64(horizon(l)/2)))
				if n == 0 {
					begin, life = 0, time.Hour
				}
				p := &Pool{Process: string(rune('a' + n)), Lease: e.lease}
				group.Go(func() {
					pause(ctx, begin)
					ctx, die := context.WithTimeout(ctx, life)
					defer die()
					var sessions sync.WaitGroup
					for range 6 {
						sessions.Go(func() { work(ctx, p, i, l, 3) })
					}
					sessions.Wait()
				})
			}
			group.Wait()
			pause(t.Context(), askTimeout) // of asks that are under way
			if most := i.mostIn(l.Per); most > l.Requests || i.most > l.Sessions {
				t.Errorf("seed %d: %+v: %d requests in an interval, %d sessions", seed, l, most, i.most)
			}
			if least := int(10 * time.Minute / l.Per * time.Duration(l.Requests) / 4); l.Requests < 100 && len(i.requests) < least {
				t.Errorf("seed %d: %+v: only %d requests, want %d", seed, l, len(i.requests), least)
			}
			t.Logf("%+v: %d requests, at most %d in an interval, %d sessions, %d asks", l, len(i.requests), i.mostIn(l.Per), i.most, e.asks)
		})
	}
}

// horizon is how long processes work: shorter where they send many requests.
func horizon(l Limits) time.Duration {
	if l.Requests/int(l.Per/time.Second) > 20 {
		return time.Minute
	}
	return 10 * time.Minute
}

// TestOneProcessHasAll: alone, a process uses nearly all that is allowed.
func TestOneProcessHasAll(t *testing.T) {
	t.Parallel()
	for requests, sessions := range map[int]int{60: 1, 600: 8, 6000: 8} {
		synctest.Test(t, func(t *testing.T) {
			l := Limits{Requests: requests, Per: time.Minute, Sessions: sessions, Failures: 5, Wait: time.Minute, Longest: time.Hour}
			i, e := &institution{}, &entity{}
			ctx, end := context.WithTimeout(t.Context(), horizon(l))
			defer end()
			p := &Pool{Process: "a", Lease: e.lease}
			var group sync.WaitGroup
			for range 10 {
				group.Go(func() { work(ctx, p, i, l, 3) })
			}
			group.Wait()
			pause(t.Context(), askTimeout)
			if n := len(i.requests); n < int(horizon(l)/time.Minute)*requests*3/4 || e.asks > 200 {
				t.Errorf("%+v: %d requests in ten minutes, %d asks", l, n, e.asks)
			}
		})
	}
}

func TestBreakerOpensAndCloses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := Limits{Requests: 600, Per: time.Minute, Sessions: 4, Failures: 3, Wait: time.Minute, Longest: 4 * time.Minute}
		i, e := &institution{broken: true}, &entity{}
		ctx, end := context.WithTimeout(t.Context(), 30*time.Minute)
		defer end()
		var states []BreakerState
		var mu sync.Mutex
		seen := func(_ string, b Breaker, _ error) {
			mu.Lock()
			defer mu.Unlock()
			states = append(states, b.State)
		}
		var group sync.WaitGroup
		for _, name := range []string{"a", "b"} {
			p := &Pool{Process: name, Lease: e.lease, OnBreaker: seen}
			for range 3 {
				group.Go(func() { work(ctx, p, i, l, 1) })
			}
		}
		pause(ctx, 20*time.Minute)
		i.mu.Lock()
		broken := len(i.requests)
		i.broken = false
		i.mu.Unlock()
		group.Wait()
		pause(t.Context(), askTimeout)
		// 3 failures, those of sessions that were open beside them, and one trial after 1, 2, 4, 4 … minutes.
		if broken < 3+5 || broken > 3+4+8 {
			t.Errorf("%d requests while it did not work: %v", broken, i.requests[:min(broken, 30)])
		}
		if len(i.requests) < broken+1000 {
			t.Errorf("%d requests after it worked again", len(i.requests)-broken)
		}
		mu.Lock()
		defer mu.Unlock()
		if !slices.Contains(states, Open) || !slices.Contains(states, HalfOpen) || states[len(states)-1] != Closed {
			t.Errorf("states %q", states)
		}
	})
}

func TestRetryAfterIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := Limits{Requests: 600, Per: time.Minute, Sessions: 4, Failures: 3, Wait: time.Minute, Longest: time.Hour}
		e := &entity{}
		a, b := &Pool{Process: "a", Lease: e.lease}, &Pool{Process: "b", Lease: e.lease}
		s, err := a.Session(t.Context(), "acme", l)
		if err != nil {
			t.Fatal(err)
		}
		s.End(failure.Throttle(10*time.Minute, errors.New("slow down")))
		pause(t.Context(), time.Second)
		for _, p := range []*Pool{a, b} {
			_, err := p.Session(t.Context(), "acme", l)
			if after := failure.RetryAfter(err); failure.Of(err) != failure.Throttled || after < 9*time.Minute || after > 10*time.Minute {
				t.Errorf("%v after %s", err, after)
			}
		}
		pause(t.Context(), 10*time.Minute)
		if s, err = b.Session(t.Context(), "acme", l); err != nil {
			t.Fatal(err)
		}
		s.End(nil)
	})
}

// TestSlowSessions count while they are open, also if they ask for no permit for longer than a lease, or may send nothing because the institution has
// asked to wait or does not work.
func TestSlowSessions(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	synctest.Test(t, func(t *testing.T) {
		l := Limits{Requests: 60, Per: time.Minute, Sessions: 4, Failures: 1, Wait: 15 * time.Second, Longest: 30 * time.Second}
		i, e := &institution{}, &entity{}
		ctx, end := context.WithTimeout(t.Context(), time.Hour)
		defer end()
		outcomes := []error{nil, failure.Throttle(25*time.Second, errors.New("slow down")), failure.Wrap(failure.Transient, errors.New("away"))}
		var group sync.WaitGroup
		for n := range 3 {
			p := &Pool{Process: string(rune('a' + n)), Lease: e.lease}
			for worker := range 4 {
				random := rand.New(rand.NewPCG(seed, uint64(4*n+worker)))
				group.Go(func() { workSlowly(ctx, p, i, l, random, outcomes) })
			}
		}
		group.Wait()
		pause(t.Context(), askTimeout)
		if most := i.mostIn(l.Per); most > l.Requests || i.most > l.Sessions || len(i.requests) < 100 {
			t.Errorf("seed %d: %d requests, %d in an interval, %d sessions", seed, len(i.requests), most, i.most)
		}
	})
}

// workSlowly has sessions of a few requests, each of which may take longer than a lease, until ctx ends.
func workSlowly(ctx context.Context, p *Pool, i *institution, l Limits, random *rand.Rand, outcomes []error) {
	for ctx.Err() == nil {
		s, err := p.Session(ctx, "acme", l)
		if err != nil {
			pause(ctx, time.Duration(random.Int64N(int64(3*time.Second))))
			continue
		}
		i.begin(1)
		for range 1 + random.IntN(3) {
			if err = s.Permit(ctx); err != nil {
				break
			}
			_ = i.request()
			pause(ctx, time.Duration(random.Int64N(int64(3*LeaseTime))))
		}
		if err == nil && random.IntN(4) == 0 {
			err = outcomes[random.IntN(len(outcomes))]
		}
		i.begin(-1)
		s.End(err)
	}
}
