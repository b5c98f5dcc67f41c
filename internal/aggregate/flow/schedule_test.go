// The workflow of due refreshes in virtual time.

package flow

import (
	"errors"
	"slices"
	"testing"
	"time"

	"bursar/internal/aggregate/account"
	"bursar/internal/temporal/backlog"
)

// TestScheduleStartsRefreshes starts what is decided, also if a part of the decision or a start fails, and decides again when it is time.
func TestScheduleStartsRefreshes(t *testing.T) {
	t.Parallel()
	s := newScripted()
	env, n := virtual(s)
	other := account.Refresh{Ref: account.Ref{Institution: "acme", Account: "2"}, Number: 1}
	s.decided = []Decision{{Start: []account.Refresh{one, other}, Again: env.Now().Add(30 * time.Second)}, {Start: []account.Refresh{other}}, {}}
	s.fail["decide"] = []error{nil, transient("one institution cannot be read")}
	n.fail = []error{nil, transient("the server is away")}
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(WakeSignal, nil) }, 10*time.Minute+10*time.Second)
	env.RegisterDelayedCallback(env.CancelWorkflow, 10*time.Minute+20*time.Second)
	env.ExecuteWorkflow(Schedule, backlog.DeciderInput{Follow: true})
	if want := []string{"acme/checking:42 7", "acme/2 1", "acme/2 1"}; !slices.Equal(n.list, want) {
		t.Errorf("started %q, want %q", n.list, want)
	}
	if n := s.count("decide"); n < 12 || n > 15 { // two retries, once a minute, and the signal
		t.Errorf("decided %d times", n)
	}
}

// TestScheduleGoesOn: errors that do not pass by themselves do not end it.
func TestScheduleGoesOn(t *testing.T) {
	t.Parallel()
	s := newScripted()
	env, n := virtual(s)
	s.decided = []Decision{{}, {}, {}, {Start: []account.Refresh{one}}, {}}
	s.fail["decide"] = times(3, errors.New("bug"))
	env.RegisterDelayedCallback(env.CancelWorkflow, time.Minute)
	env.ExecuteWorkflow(Schedule, backlog.DeciderInput{Follow: true})
	if len(n.list) != 1 {
		t.Errorf("started %q after %d decisions", n.list, s.count("decide"))
	}
}
