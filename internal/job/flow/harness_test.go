// Scripted slots for the tests of the workflows.

package flow

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"bursar/internal/job/chunk"
	"bursar/internal/job/record"
	"bursar/internal/temporal"
	"bursar/internal/temporal/virtualtest"
)

var ref = record.Ref{Job: "calls", Due: time.Date(2026, 11, 25, 7, 0, 0, 0, time.UTC)}

// scripted executes slots by scripts. Its calls are counted.
type scripted struct {
	mu       sync.Mutex
	division Division
	calls    []string
	running  int
	most     int // that ran at a time
	fail     map[string][]error
	rest     map[int][]chunk.Executed // by chunk: the results of its first calls; then nothing remains
	during   func(ctx context.Context, number int, released func(context.Context, int))
	decided  []Decision // of the calls of Decide; the last one stays
	left     [][]chunk.Unended
	ending   *Ending
}

func newScripted(chunks, concurrency int) *scripted {
	return &scripted{division: Division{Chunks: chunks, Concurrency: concurrency, Heartbeat: 8 * time.Second}, fail: map[string][]error{}, rest: map[int][]chunk.Executed{}}
}

func (s *scripted) call(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, name)
	if errs := s.fail[name]; len(errs) > 0 {
		s.fail[name] = errs[1:]
		return errs[0]
	}
	return nil
}

func (s *scripted) count(name string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, call := range s.calls {
		if call == name {
			n++
		}
	}
	return n
}

func (s *scripted) Decide(context.Context) (d Decision, err error) {
	if err := s.call("decide"); err != nil {
		return d, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.decided) > 0 {
		d = s.decided[0]
		if len(s.decided) > 1 {
			s.decided = s.decided[1:]
		}
	}
	return d, nil
}

func (s *scripted) Divide(context.Context, record.Ref) (Division, error) {
	return s.division, s.call("divide")
}

func (s *scripted) Execute(ctx context.Context, _ record.Ref, number int, h Handling) (chunk.Executed, error) {
	if err := s.call(fmt.Sprint("chunk ", number)); err != nil {
		return chunk.Executed{}, err
	}
	s.mu.Lock()
	s.running++
	s.most = max(s.most, s.running)
	during := s.during
	s.mu.Unlock()
	if during != nil {
		during(ctx, number, h.Released)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	var done chunk.Executed
	if rest := s.rest[number]; len(rest) > 0 {
		done, s.rest[number] = rest[0], rest[1:]
	}
	return done, ctx.Err()
}

// Release gives the tasks of a chunk to one with a number that is higher by 100.
func (s *scripted) Release(_ context.Context, _ record.Ref, number int) ([]int, error) {
	return []int{number + 100}, s.call(fmt.Sprint("release ", number))
}

func (s *scripted) Finish(_ context.Context, _ record.Ref, how Ending) (rest []chunk.Unended, err error) {
	if err := s.call("finish"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.left) > 0 {
		rest, s.left = s.left[0], s.left[1:]
		return rest, nil
	}
	s.ending = &how
	return nil, nil
}

// noted are the calls that would reach other workflows.
type noted struct {
	mu    sync.Mutex
	calls []string
	env   *testsuite.TestWorkflowEnvironment
}

func (n *noted) note(call string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.calls = append(n.calls, call)
	return nil
}

func (n *noted) Start(_ context.Context, r record.Ref) error { return n.note("start " + r.String()) }

func (n *noted) cancel(_ context.Context, r record.Ref) error { return n.note("cancel " + r.String()) }
func (n *noted) wake(context.Context) error                   { return n.note("wake") }

func (n *noted) released(_ context.Context, _ record.Ref, number int) error {
	n.env.SignalWorkflow(releasedSignal, number)
	return n.note(fmt.Sprint("released ", number))
}

func (n *noted) list() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.calls)
}

func virtual(steps Steps) (*testsuite.TestWorkflowEnvironment, *noted) {
	env := virtualtest.NewEnvironment()
	n := &noted{env: env}
	a := &activities{steps: steps, starter: n, attempts: &temporal.Attempts{}}
	registerDeciding(env, a)
	registerExecuting(env, a)
	return env, n
}

// execute executes a slot to its end, and returns how long it took.
func execute(t *testing.T, s *scripted) (took time.Duration, n *noted, err error) {
	t.Helper()
	env, n := virtual(s)
	began := env.Now()
	env.ExecuteWorkflow(Slot, SlotInput{Slot: ref.String()})
	if !env.IsWorkflowCompleted() {
		t.Fatal("the workflow has not completed")
	}
	return env.Now().Sub(began), n, env.GetWorkflowError()
}
