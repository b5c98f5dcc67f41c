// The workflow of schedules in virtual time: it starts and cancels what is decided, and asks again when it is time.

package flow

import (
	"errors"
	"slices"
	"testing"
	"time"

	"bursar/internal/failure"
	"bursar/internal/job/record"
	"bursar/internal/temporal/backlog"
)

func TestScheduleStartsSlots(t *testing.T) {
	t.Parallel()
	s := newScripted(0, 1)
	env, n := virtual(s)
	other := record.Ref{Job: "calls", Due: ref.Due.Add(time.Hour)}
	s.decided = []Decision{{Start: []record.Ref{ref}, Again: env.Now().Add(30 * time.Second)}, {Start: []record.Ref{ref, other}, Cancel: []record.Ref{ref}}}
	s.fail["decide"] = slices.Repeat([]error{failure.Wrap(failure.Transient, errors.New("away"))}, 7)
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(WakeSignal, nil) }, 10*time.Minute)
	env.RegisterDelayedCallback(env.CancelWorkflow, 10*time.Minute+time.Second)
	env.ExecuteWorkflow(Schedule, backlog.DeciderInput{Follow: true})
	calls := n.list()
	if want := []string{"start " + ref.String(), "start " + ref.String(), "start " + other.String(), "cancel " + ref.String()}; len(calls) < 5 || !slices.Equal(calls[:4], want) {
		t.Errorf("called %q", calls)
	}
	if n := s.count("decide"); n < 18 || n > 22 { // 7 failures, and once a minute
		t.Errorf("decided %d times", n)
	}
}
