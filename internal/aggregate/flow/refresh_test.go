// The workflow of an account in virtual time.

package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"

	"bursar/internal/failure"
	"bursar/internal/temporal"
)

// TestRefresh visits once, processes each statement once, and concludes then.
func TestRefresh(t *testing.T) {
	t.Parallel()
	for _, statements := range []int{0, 1, 3, 2*mostPending + 1} {
		s := newScripted(Fetched{Statements: statements})
		execute(t, s, nil)
		if how := s.ended(t); how != (Ending{}) {
			t.Errorf("%d statements: ended %+v", statements, how)
		}
		if len(s.calls) != statements+2 || s.calls[0] != "fetch" || s.calls[statements+1] != "conclude" {
			t.Errorf("%d statements: called %q", statements, s.calls)
		}
		for n := range statements {
			if s.count(fmt.Sprint("statement ", n)) != 1 {
				t.Errorf("statement %d of %d: called %q", n, statements, s.calls)
			}
		}
	}
}

// TestStatementsInParallel waits in each statement for others, as many as may be processed at a time.
func TestStatementsInParallel(t *testing.T) {
	t.Parallel()
	const together = 20
	s := newScripted(Fetched{Statements: 2 * together})
	here, all := make(chan struct{}, 2*together), make(chan struct{})
	s.during = func(ctx context.Context, name string) error {
		if !strings.HasPrefix(name, "statement") {
			return nil
		}
		here <- struct{}{}
		if len(here) == together {
			close(all)
		}
		select {
		case <-all:
		case <-ctx.Done():
		}
		return ctx.Err()
	}
	execute(t, s, func(env *testsuite.TestWorkflowEnvironment) { env.SetTestTimeout(30 * time.Second) })
	if s.most < together {
		t.Errorf("%d at a time", s.most)
	}
}

// TestRefreshThatHasEnded is what a workflow finds that was started too late.
func TestRefreshThatHasEnded(t *testing.T) {
	t.Parallel()
	s := newScripted(Fetched{Ended: true})
	execute(t, s, nil)
	if !slices.Equal(s.calls, []string{"fetch"}) {
		t.Errorf("called %q", s.calls)
	}
}

func waits(wait time.Duration) Fetched { return Fetched{Waits: true, Wait: wait} }

// act notifies the workflow that a person has acted, after a time.
func act(env *testsuite.TestWorkflowEnvironment, after time.Duration) {
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(personSignal, nil) }, after)
}

func TestPersonActs(t *testing.T) {
	t.Parallel()
	s := newScripted(waits(10*time.Minute), waits(24*time.Hour), Fetched{Statements: 1})
	took := execute(t, s, func(env *testsuite.TestWorkflowEnvironment) {
		act(env, 9*time.Minute)
		act(env, 23*time.Hour)
	})
	if how := s.ended(t); how != (Ending{}) || s.count("fetch") != 3 || s.count("statement 0") != 1 || took < 23*time.Hour || took > 23*time.Hour+time.Minute {
		t.Errorf("after %s ended %+v after %q", took, how, s.calls)
	}
}

func TestNobodyActs(t *testing.T) {
	t.Parallel()
	s := newScripted(waits(10 * time.Minute))
	took := execute(t, s, func(env *testsuite.TestWorkflowEnvironment) { act(env, 11*time.Minute) })
	if how := s.ended(t); !how.Unanswered || how.Err != nil || s.count("fetch") != 1 || took < 10*time.Minute || took > 11*time.Minute {
		t.Errorf("after %s ended %+v after %q", took, how, s.calls)
	}
}

// TestPersonActsDuringVisit: what a person does before the visit has returned is not missed.
func TestPersonActsDuringVisit(t *testing.T) {
	t.Parallel()
	s := newScripted(waits(10*time.Minute), Fetched{})
	took := execute(t, s, func(env *testsuite.TestWorkflowEnvironment) {
		env.SetOnActivityStartedListener(func(*activity.Info, context.Context, converter.EncodedValues) {
			if s.count("fetch") == 0 {
				env.SignalWorkflow(personSignal, nil)
			}
		})
	})
	if how := s.ended(t); how != (Ending{}) || s.count("fetch") != 2 || took > time.Minute {
		t.Errorf("after %s ended %+v after %q", took, how, s.calls)
	}
}

// TestTooManyQuestions: nobody is asked whose answer would be ignored.
func TestTooManyQuestions(t *testing.T) {
	t.Parallel()
	s := newScripted(waits(time.Hour))
	execute(t, s, func(env *testsuite.TestWorkflowEnvironment) {
		for n := range mostQuestions {
			act(env, time.Duration(n+1)*time.Minute)
		}
	})
	how := s.ended(t)
	if how.Unanswered || failure.Of(how.Err) != failure.Data || !strings.Contains(how.Err.Error(), "a person has acted 5 times") || s.count("fetch") != mostQuestions+1 {
		t.Errorf("ended %+v after %q", how, s.calls)
	}
}

// TestInstitutionIsAway repeats the visit while the reason may pass, and gives up. The environment makes at most ten attempts.
func TestInstitutionIsAway(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fail        []error
		least, most time.Duration
		visits      int
		want        string // the text of the end; empty: complete
		class       failure.Class
	}{
		"a moment":       {times(4, transient("away")), 15 * time.Second, 16 * time.Second, 5, "", 0},
		"minutes":        {times(9, transient("away")), 4 * time.Minute, 5 * time.Minute, 10, "", 0},
		"busy":           {times(3, failure.Throttle(10*time.Minute, errors.New("busy"))), 30 * time.Minute, 30 * time.Minute, 4, "", 0},
		"busy for long":  {times(99, failure.Throttle(100*time.Minute, errors.New("busy"))), 300 * time.Minute, giveUp, 4, "busy", failure.Throttled},
		"until tomorrow": {times(1000, failure.Throttle(24*time.Hour, errors.New("busy"))), 0, time.Minute, 1, "busy", failure.Throttled},
		"bad":            {[]error{failure.Wrap(failure.Data, errors.New("account is closed"))}, 0, time.Second, 1, "account is closed", failure.Data},
		"a bug":          {[]error{errors.New("nil map")}, 0, time.Second, 1, "nil map", failure.Bug},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScripted(Fetched{Statements: 1})
			s.fail["fetch"] = tt.fail
			took := execute(t, s, nil)
			how := s.ended(t)
			switch {
			case tt.want == "" && how != (Ending{}):
				t.Errorf("ended %+v", how)
			case tt.want != "" && (how.Err == nil || failure.Of(how.Err) != tt.class || !strings.Contains(how.Err.Error(), tt.want)):
				t.Errorf("ended %+v", how)
			case tt.want != "" && s.count("statement 0") > 0:
				t.Error("a statement is processed")
			}
			if n := s.count("fetch"); took < tt.least || took > tt.most || tt.visits > 0 && n != tt.visits {
				t.Errorf("%d visits in %s", n, took)
			}
		})
	}
}

// TestStepsFail repeats steps until they succeed, or the reason does not pass; the other statements are processed nevertheless.
func TestStepsFail(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		step  string
		fail  []error
		want  string
		class failure.Class
		calls int
	}{
		"a moment":       {"statement 1", times(3, transient("away")), "", 0, 4},
		"for long":       {"statement 1", times(99, transient("away")), "", 0, 100},
		"busy":           {"statement 1", times(9, failure.Throttle(time.Hour, errors.New("busy"))), "", 0, 10},
		"bad":            {"statement 1", []error{failure.Wrap(failure.Data, errors.New("bad object"))}, "bad object", failure.Data, 1},
		"a bug":          {"statement 1", []error{errors.New("nil map")}, "nil map", failure.Bug, 1},
		"end: a moment":  {"conclude", times(3, transient("away")), "", 0, 4},
		"end: for long":  {"conclude", times(99, transient("away")), "", 0, 100},
		"end: throttled": {"conclude", times(9, failure.Throttle(time.Hour, errors.New("busy"))), "", 0, 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScripted(Fetched{Statements: 3})
			s.fail[tt.step] = tt.fail
			execute(t, s, nil)
			how := s.ended(t)
			if tt.want == "" && how != (Ending{}) || tt.want != "" && (how.Err == nil || failure.Of(how.Err) != tt.class || !strings.Contains(how.Err.Error(), tt.want)) {
				t.Errorf("ended %+v", how)
			}
			if n := s.count(tt.step); n != tt.calls || s.count("statement 0") != 1 || s.count("statement 2") != 1 || s.count("fetch") != 1 {
				t.Errorf("%d calls: %q", n, s.calls)
			}
		})
	}
}

// TestConcludeFails: a refresh whose result cannot be judged ends with the reason.
func TestConcludeFails(t *testing.T) {
	t.Parallel()
	s := newScripted(Fetched{})
	s.fail["conclude"] = []error{errors.New("bug in the ledger")}
	execute(t, s, nil)
	if how := s.ended(t); how.Err == nil || failure.Of(how.Err) != failure.Bug || how.Err.Error() != "bug in the ledger" || s.count("conclude") != 2 {
		t.Errorf("ended %+v after %q", how, s.calls)
	}
}

// TestEndIsNotRecorded: the workflow reports an end that cannot be recorded.
func TestEndIsNotRecorded(t *testing.T) {
	t.Parallel()
	s := newScripted(Fetched{})
	s.fail["conclude"] = times(2, errors.New("bug in the catalog"))
	env, _ := virtual(s)
	env.ExecuteWorkflow(Account, AccountInput{Institution: one.Institution, Account: one.Account, Refresh: one.Number})
	if err := temporal.FromTemporal(env.GetWorkflowError()); failure.Of(err) != failure.Bug || s.ending != nil {
		t.Errorf("%v, ended %+v", err, s.ending)
	}
}

// TestCancellation ends the refresh in each state in which it waits.
func TestCancellation(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		visit Fetched
		fail  string // the call that always fails
	}{
		"between visits":         {Fetched{}, "fetch"},
		"while a person is away": {waits(24 * time.Hour), ""},
		"between attempts":       {Fetched{Statements: 2}, "statement 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScripted(tt.visit)
			s.fail[tt.fail] = times(99, transient("away"))
			execute(t, s, func(env *testsuite.TestWorkflowEnvironment) {
				env.RegisterDelayedCallback(env.CancelWorkflow, 2*time.Minute)
			})
			how := s.ended(t)
			if how.Unanswered || how.Err == nil || how.Err.Error() != "the refresh was cancelled" || failure.Of(how.Err) != failure.Transient {
				t.Errorf("ended %+v", how)
			}
		})
	}
}
