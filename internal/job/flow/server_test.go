//go:build !race

// The workflows on the real embedded server, whose histories are recorded for the replay test.

package flow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"bursar/internal/failure"
	"bursar/internal/job/chunk"
	"bursar/internal/job/record"
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
	w := NewWorkers(s, steps, time.Minute)
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	return s
}

// finished waits for the end of a slot's workflow.
func finished(t *testing.T, c client.Client, ref record.Ref) {
	t.Helper()
	if err := c.GetWorkflow(t.Context(), SlotWorkflowID(ref), "").Get(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
}

func TestServerExecutesSlot(t *testing.T) {
	t.Parallel()
	s := newScripted(40, 4)
	s.rest[3] = []chunk.Executed{{Remaining: 1, Again: time.Now().Add(200 * time.Millisecond)}}
	s.fail["chunk 9"] = []error{failure.Wrap(failure.Transient, errors.New("moment"))}
	s.during = func(ctx context.Context, number int, released func(context.Context, int)) {
		if number == 5 {
			released(ctx, 77)
		}
	}
	starter := serve(t, s)
	for range 2 { // the second start joins the first, or finds nothing to do
		if err := starter.Start(t.Context(), ref); err != nil {
			t.Fatal(err)
		}
	}
	finished(t, starter.Client, ref)
	historytest.Record(t, starter.Client, SlotWorkflowID(ref), "executed")
	for i := range 40 {
		want := 1
		if i == 3 {
			want = 2
		}
		if n := s.count(fmt.Sprint("chunk ", i)); n < want || i != 9 && n > want+1 {
			t.Errorf("chunk %d was executed %d times", i, n)
		}
	}
	if s.count("chunk 77") != 1 || s.ending == nil || s.ending.Err != nil {
		t.Errorf("ended %+v after %q", s.ending, s.calls)
	}
}

func TestServerCancelsSlot(t *testing.T) {
	t.Parallel()
	s := newScripted(8, 2)
	begun := make(chan struct{}, 99)
	s.during = func(ctx context.Context, _ int, _ func(context.Context, int)) {
		begun <- struct{}{}
		<-ctx.Done()
	}
	starter := serve(t, s)
	if err := starter.Start(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	<-begun
	if err := starter.cancel(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	finished(t, starter.Client, ref)
	historytest.Record(t, starter.Client, SlotWorkflowID(ref), "cancelled")
	if s.ending == nil || !s.ending.Cancelled {
		t.Errorf("ended %+v", s.ending)
	}
	if err := starter.cancel(t.Context(), ref); err != nil {
		t.Errorf("cancelled again: %v", err)
	}
}

// TestServerSchedules: what is decided is started, by a workflow that stays and is woken by the ends of slots.
func TestServerSchedules(t *testing.T) {
	t.Parallel()
	s := newScripted(1, 1)
	s.decided = []Decision{{Start: []record.Ref{ref}}, {}}
	starter := serve(t, s)
	scheduler := NewScheduler(starter.Client, "", false, slog.New(slog.DiscardHandler))
	if err := scheduler.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); s.count("decide") < 2; <-tick.C {
		if time.Since(began) > 30*time.Second {
			t.Fatal("the end of the slot does not wake the schedule")
		}
	}
	if err := scheduler.Unfollow(t.Context()); err != nil {
		t.Fatal(err)
	}
	historytest.Record(t, starter.Client, ScheduleWorkflowID, "scheduled")
	if s.count("chunk 0") != 1 {
		t.Errorf("called %q", s.calls)
	}
}
