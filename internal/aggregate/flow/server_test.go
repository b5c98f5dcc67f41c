//go:build !race

// The workflows on the real embedded server, whose histories are recorded for the replay test.

package flow

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/limit"
	"bursar/internal/failure"
	"bursar/internal/temporal"
	"bursar/internal/temporal/historytest"
)

// serve starts a server and the workers of a process, and stops them with the test.
func serve(t *testing.T, steps Steps) Starter {
	t.Helper()
	server, err := temporal.Start(t.Context(), t.TempDir(), slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	s := Starter{Client: server.Client()}
	w := NewWorkers(s, steps)
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Stop(func() {}) })
	return s
}

func mustStart(t *testing.T, s Starter, r account.Refresh) {
	t.Helper()
	if err := s.Start(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

// finished waits for the end of an account's workflow.
func finished(t *testing.T, c client.Client) {
	t.Helper()
	if err := c.GetWorkflow(t.Context(), AccountWorkflowID(one.Ref), "").Get(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
}

// await waits until something is so.
func await(t *testing.T, is func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); !is(); <-tick.C {
		if time.Since(began) > time.Minute {
			t.Fatal("it does not happen")
		}
	}
}

// TestServerRefreshes answers a question, and processes statements; starts while the refresh runs join it.
func TestServerRefreshes(t *testing.T) {
	t.Parallel()
	s := newScripted(waits(time.Hour), Fetched{Statements: 5})
	s.fail["fetch"] = times(1, transient("away"))
	s.fail["statement 3"] = times(2, transient("moment"))
	starter := serve(t, s)
	mustStart(t, starter, one)
	await(t, func() bool { return s.count("fetch") == 2 })
	mustStart(t, starter, one)
	mustStart(t, starter, account.Refresh{Ref: one.Ref, Number: one.Number + 1})
	if err := starter.Notify(t.Context(), one.Ref); err != nil {
		t.Fatal(err)
	}
	finished(t, starter.Client)
	historytest.Record(t, starter.Client, AccountWorkflowID(one.Ref), "refreshed")
	if how := s.ended(t); how != (Ending{}) || s.count("fetch") != 3 || s.count("conclude") != 1 {
		t.Errorf("ended %+v after %q", how, s.calls)
	}
	for n := range 5 {
		want := 1
		if n == 3 {
			want = 3
		}
		if calls := s.count(fmt.Sprint("statement ", n)); calls != want {
			t.Errorf("statement %d was processed %d times", n, calls)
		}
	}
	if err := starter.Notify(t.Context(), one.Ref); err != nil {
		t.Errorf("notify a refresh that has ended: %v", err)
	}
	mustStart(t, starter, one) // the workflow of the next refresh
	finished(t, starter.Client)
	if s.count("conclude") != 2 {
		t.Errorf("called %q", s.calls)
	}
}

// TestServerCancelsRefresh: the steps that run are interrupted, and a visit has ended before the refresh does. What a statement does later changes nothing.
func TestServerCancelsRefresh(t *testing.T) {
	t.Parallel()
	for name, visit := range map[string]Fetched{"fetch": {}, "statement 1": {Statements: 2}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScripted(visit)
			interrupted := make(chan bool, 1)
			s.during = func(ctx context.Context, call string) error {
				if call != name {
					return nil
				}
				<-ctx.Done()
				s.mu.Lock()
				defer s.mu.Unlock()
				interrupted <- s.ending == nil
				return ctx.Err()
			}
			starter := serve(t, s)
			mustStart(t, starter, one)
			await(t, func() bool { return s.count(name) > 0 })
			if err := starter.Client.CancelWorkflow(t.Context(), AccountWorkflowID(one.Ref), ""); err != nil {
				t.Fatal(err)
			}
			finished(t, starter.Client)
			historytest.Record(t, starter.Client, AccountWorkflowID(one.Ref), "cancelled-"+strings.Fields(name)[0])
			how := s.ended(t)
			if early := <-interrupted; !early && name == "fetch" || how.Err == nil || how.Err.Error() != "the refresh was cancelled" || failure.Of(how.Err) != failure.Transient {
				t.Errorf("ended %+v, the visit before %v", how, early)
			}
		})
	}
}

// TestServerReplacesLostWorkflow: a workflow that was terminated is replaced by another start.
func TestServerReplacesLostWorkflow(t *testing.T) {
	t.Parallel()
	s := newScripted(waits(time.Hour), Fetched{Statements: 1})
	starter := serve(t, s)
	mustStart(t, starter, one)
	await(t, func() bool { return s.count("fetch") == 1 })
	if err := starter.Client.TerminateWorkflow(t.Context(), AccountWorkflowID(one.Ref), "", "a test"); err != nil {
		t.Fatal(err)
	}
	mustStart(t, starter, one)
	finished(t, starter.Client)
	if how := s.ended(t); how != (Ending{}) || s.count("fetch") != 2 || s.count("statement 0") != 1 {
		t.Errorf("ended %+v after %q", how, s.calls)
	}
}

// TestServerSchedules: what is decided is started, by a workflow that stays.
func TestServerSchedules(t *testing.T) {
	t.Parallel()
	s := newScripted(Fetched{})
	s.decided = []Decision{{}, {Start: []account.Refresh{one}}, {}}
	starter := serve(t, s)
	scheduler := NewScheduler(starter.Client, "", false, slog.New(slog.DiscardHandler))
	if err := scheduler.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return s.count("decide") == 1 })
	if err := scheduler.Wake(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return s.count("conclude") == 1 })
	if err := scheduler.Unfollow(t.Context()); err != nil {
		t.Fatal(err)
	}
	historytest.Record(t, starter.Client, ScheduleWorkflowID, "scheduled")
}

// TestServerLeases: two processes that ask at the same time, before the workflow of the institution runs, share its limits; so they do when that workflow
// has a long history, and its successor knows their parts.
func TestServerLeases(t *testing.T) {
	t.Parallel()
	first := serve(t, newScripted())
	c, err := client.NewClientFromExistingWithContext(t.Context(), first.Client, client.Options{Namespace: temporal.Namespace, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	starters := map[string]Starter{"a": first, "b": {Client: c}}
	run := func() string {
		t.Helper()
		described, err := c.DescribeWorkflowExecution(t.Context(), InstitutionWorkflowID("acme"), "")
		if err != nil {
			t.Fatal(err)
		}
		return described.GetWorkflowExecutionInfo().GetExecution().GetRunId()
	}
	askAll(t, starters)
	begun := run()
	for rounds := 1; run() == begun; rounds++ {
		if askAll(t, starters); rounds > 500 {
			t.Fatal("its history never becomes too long")
		}
	}
	askAll(t, starters)
	historytest.Record(t, c, InstitutionWorkflowID("acme"), "leased")
	if err := c.TerminateWorkflow(t.Context(), InstitutionWorkflowID("acme"), "", "a test"); err != nil {
		t.Fatal(err)
	}
	part, err := first.Lease(t.Context(), "acme", limit.Ask{Process: "a", Want: 1, Limits: limits})
	if err != nil || part.Sessions != 1 {
		t.Errorf("after its workflow was lost: %+v, %v", part, err)
	}
}

// askAll has both processes ask for everything, several times at once, and checks that together they have no more than there is.
func askAll(t *testing.T, starters map[string]Starter) {
	t.Helper()
	var mu sync.Mutex
	var group sync.WaitGroup
	last := map[string]limit.Part{}
	for name, starter := range starters {
		for range 4 {
			group.Go(func() {
				part, err := starter.Lease(t.Context(), "acme", limit.Ask{Process: name, Want: limits.Sessions, Limits: limits})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if before, had := last[name]; !had || part.Sessions < before.Sessions {
					last[name] = part // a process that has a part keeps or loses some of it
				}
			})
		}
	}
	group.Wait()
	if all := last["a"].Sessions + last["b"].Sessions; all > limits.Sessions {
		t.Errorf("%+v: %d sessions", last, all)
	}
}
