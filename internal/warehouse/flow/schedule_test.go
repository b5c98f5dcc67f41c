// The workflow of schedules in virtual time: a day of tasks, failures, requests and signals.

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

	"bursar/internal/failure"
	"bursar/internal/temporal/virtualtest"
)

// scriptedSchedule has tasks that are due at times of a clock, and lists when they were executed.
type scriptedSchedule struct {
	mu    sync.Mutex
	now   func() time.Time
	every map[string]time.Duration // by task
	last  map[string]time.Time     // that was executed
	ran   []string
	looks int
	fail  []error       // of the next calls of Due
	await chan struct{} // a value for each execution
}

func newSchedule(now func() time.Time, every map[string]time.Duration) *scriptedSchedule {
	s := &scriptedSchedule{now: now, every: every, last: map[string]time.Time{}, await: make(chan struct{}, 1000)}
	for task := range every {
		s.last[task] = now()
	}
	return s
}

func (s *scriptedSchedule) Due(context.Context) (due []string, again time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks++
	if len(s.fail) > 0 {
		err, s.fail = s.fail[0], s.fail[1:]
		return nil, again, err
	}
	for task, every := range s.every {
		switch next := s.last[task].Add(every); {
		case !next.After(s.now()):
			due = append(due, task)
		case again.IsZero() || next.Before(again):
			again = next
		}
	}
	slices.Sort(due)
	return due, again, nil
}

func (s *scriptedSchedule) Execute(_ context.Context, task string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last[task] = s.last[task].Add(s.every[task])
	s.ran = append(s.ran, fmt.Sprintf("%s %s", task, s.last[task].UTC().Format("15:04")))
	s.await <- struct{}{}
	return nil
}

// runSchedule runs the workflow for some time.
func runSchedule(t *testing.T, s *scriptedSchedule, env *testsuite.TestWorkflowEnvironment, forTime time.Duration) {
	t.Helper()
	register(env, newActivities(nil, s, ""))
	s.now = env.Now
	env.RegisterDelayedCallback(env.CancelWorkflow, forTime)
	env.ExecuteWorkflow(Schedule, ScheduleInput{Follow: true})
	if !env.IsWorkflowCompleted() {
		t.Fatal("the workflow has not completed")
	}
}

func TestScheduleExecutesWhatIsDue(t *testing.T) {
	t.Parallel()
	env := virtualtest.NewEnvironment()
	env.SetStartTime(time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC))
	s := newSchedule(env.Now, map[string]time.Duration{"load": 25 * time.Minute, "models": 50 * time.Minute})
	s.fail = []error{failure.Wrap(failure.Transient, errors.New("away"))}
	runSchedule(t, s, env, 101*time.Minute)
	if want := []string{"load 10:25", "load 10:50", "models 10:50", "load 11:15", "load 11:40", "models 11:40"}; !slices.Equal(s.ran, want) {
		t.Errorf("executed %v, want %v", s.ran, want)
	}
}

// TestScheduleWakesAtTheTime sleeps until the next due time if that is in less than a minute.
func TestScheduleWakesAtTheTime(t *testing.T) {
	t.Parallel()
	env := virtualtest.NewEnvironment()
	s := newSchedule(env.Now, map[string]time.Duration{"load": 90 * time.Second})
	runSchedule(t, s, env, 10*time.Minute)
	if len(s.ran) != 6 || s.looks > 3*len(s.ran)+1 {
		t.Errorf("executed %v after %d looks", s.ran, s.looks)
	}
}

// TestScheduleAnswers answers a request when everything that was due is done, also if it does not follow.
func TestScheduleAnswers(t *testing.T) {
	t.Parallel()
	env := virtualtest.NewEnvironment()
	s := newSchedule(env.Now, map[string]time.Duration{"a": time.Hour, "b": time.Hour})
	register(env, newActivities(nil, s, ""))
	s.now = func() time.Time { return env.Now().Add(90 * time.Minute) }
	env.ExecuteWorkflow(Schedule, ScheduleInput{})
	var result ScheduleResult
	if err := env.GetWorkflowResult(&result); err != nil || result.Executed != 2 || len(s.ran) != 2 {
		t.Errorf("%+v, %v; executed %v", result, err, s.ran)
	}
}
