// Scripted refreshes for the tests of the workflows.

package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"bursar/internal/aggregate/account"
	"bursar/internal/failure"
	"bursar/internal/temporal"
	"bursar/internal/temporal/virtualtest"
)

var one = account.Refresh{Ref: account.Ref{Institution: "acme", Account: "checking:42"}, Number: 7}

// scripted executes refreshes by scripts. Its calls are counted.
type scripted struct {
	mu      sync.Mutex
	calls   []string
	visits  []Fetched // of the calls of Fetch that succeed; the last one stays
	decided []Decision
	fail    map[string][]error // by name of a call: the errors of the first ones
	during  func(ctx context.Context, name string) error
	running int
	most    int // steps that ran at a time
	ending  *Ending
}

func newScripted(visits ...Fetched) *scripted {
	return &scripted{visits: visits, fail: map[string][]error{}}
}

// call counts a call, and returns the error of the script.
func (s *scripted) call(ctx context.Context, name string) error {
	s.mu.Lock()
	s.calls = append(s.calls, name)
	var err error
	if list := s.fail[name]; len(list) > 0 {
		err, s.fail[name] = list[0], list[1:]
	}
	during := s.during
	s.running++
	s.most = max(s.most, s.running)
	s.mu.Unlock()
	if during != nil {
		err = errors.Join(err, during(ctx, name))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	return err
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

// next takes the first of a list, whose last one stays.
func next[T any](list *[]T) (first T) {
	if len(*list) > 0 {
		first = (*list)[0]
	}
	if len(*list) > 1 {
		*list = (*list)[1:]
	}
	return first
}

func (s *scripted) Decide(ctx context.Context) (Decision, error) {
	err := s.call(ctx, "decide")
	s.mu.Lock()
	defer s.mu.Unlock()
	return next(&s.decided), err
}

func (s *scripted) Fetch(ctx context.Context, r account.Refresh) (f Fetched, err error) {
	if err := s.call(ctx, "fetch"); err != nil {
		return f, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return next(&s.visits), s.expect(r)
}

func (s *scripted) Process(ctx context.Context, r account.Refresh, statement int) error {
	return errors.Join(s.expect(r), s.call(ctx, fmt.Sprint("statement ", statement)))
}

func (s *scripted) Conclude(ctx context.Context, r account.Refresh, how Ending) error {
	if err := s.call(ctx, "conclude"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ending = &how
	return s.expect(r)
}

func (s *scripted) expect(r account.Refresh) error {
	if r.Ref != one.Ref {
		return fmt.Errorf("bug: a step of %+v", r)
	}
	return nil
}

// ended returns how the refresh has ended.
func (s *scripted) ended(t *testing.T) Ending {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending == nil {
		t.Fatalf("the refresh has not ended after %q", s.calls)
	}
	return *s.ending
}

// started are the refreshes whose workflows were started.
type started struct {
	mu   sync.Mutex
	list []string
	fail []error
}

func (s *started) Start(_ context.Context, r account.Refresh) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, fmt.Sprint(r.Ref, " ", r.Number))
	if len(s.fail) > 0 {
		err, s.fail = s.fail[0], s.fail[1:]
	}
	return err
}

func virtual(steps Steps) (*testsuite.TestWorkflowEnvironment, *started) {
	env := virtualtest.NewEnvironment()
	n := &started{}
	a := &activities{steps: steps, starter: n, attempts: &temporal.Attempts{}}
	registerStoring(env, a)
	registerVisiting(env, a)
	return env, n
}

// execute executes a refresh to its end, and returns how long it took. prepare may be nil.
func execute(t *testing.T, s *scripted, prepare func(env *testsuite.TestWorkflowEnvironment)) (took time.Duration) {
	t.Helper()
	env, _ := virtual(s)
	if prepare != nil {
		prepare(env)
	}
	began := env.Now()
	env.ExecuteWorkflow(Account, AccountInput{Institution: one.Institution, Account: one.Account, Refresh: one.Number})
	if !env.IsWorkflowCompleted() {
		t.Fatal("the workflow has not completed")
	}
	if err := env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	return env.Now().Sub(began)
}

func transient(text string) error { return failure.Wrap(failure.Transient, errors.New(text)) }

func times(n int, err error) []error { return slices.Repeat([]error{err}, n) }
