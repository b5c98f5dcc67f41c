// Tests of how a worker writes the chunk that it has: answers that are lost, and workers that were suspended.

package chunk

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/job/task"
	"bursar/internal/project"
)

// faultyCatalog fails its next transactions.
type faultyCatalog struct {
	catalog.Catalog
	faults []fault // of the next Updates
}

type fault int

const (
	refused   fault = iota // nothing is written
	lost                   // nothing is written, and the answer is lost
	committed              // it is written, and the answer is lost
)

func (f *faultyCatalog) Update(ctx context.Context, fn func(catalog.Tx) error) error {
	if len(f.faults) == 0 {
		return f.Catalog.Update(ctx, fn)
	}
	now := f.faults[0]
	f.faults = f.faults[1:]
	if now == committed {
		if err := f.Catalog.Update(ctx, fn); err != nil {
			return err
		}
	}
	if now == refused {
		return failure.Wrap(failure.Transient, errors.New("connection refused"))
	}
	return failure.Wrap(failure.Transient, catalog.ErrOutcomeUnknown)
}

// begin loads a chunk with a worker whose catalog fails when it is asked to, and begins its first task.
func (s *testSlot) begin(chunk int, change func(*Execution)) (*execution, *faultyCatalog) {
	s.t.Helper()
	w, faulty := s.worker("w1"), &faultyCatalog{Catalog: s.work.Catalog}
	w.Catalog = faulty
	c, err := w.load(s.t.Context(), s.ref, chunk)
	if err != nil {
		s.t.Fatal(err)
	}
	e := s.execution(chunk, nil)
	change(&e)
	x := newExecution(e, c)
	if begins, err := x.begin(s.t.Context(), 0); err != nil || !begins {
		s.t.Fatal(begins, err)
	}
	return x, faulty
}

// TestWriteWhoseAnswerIsLost: later outcomes are written, whether or not the earlier ones were.
func TestWriteWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	for _, first := range []fault{lost, committed} {
		s := newSlot(t, func(j *project.Job) { j.Partition.Count = 8 }) // chunks of two
		s.divide(nil)
		x, faulty := s.begin(0, func(*Execution) {})
		x.apply(0, &task.Outcome{State: task.Done})
		faulty.faults = []fault{first, refused}
		if _, err := x.look(t.Context()); err == nil || len(faulty.faults) > 0 {
			t.Errorf("%d: no error: %v", first, faulty.faults)
		}
		if begins, err := x.begin(t.Context(), 1); err != nil || !begins {
			t.Fatal(begins, err)
		}
		x.live.start(1, due, "w1")([]byte("working"))
		if err := x.writeLive(t.Context()); err != nil {
			t.Errorf("%d: live output: %v", first, err)
		}
		x.apply(1, &task.Outcome{State: task.Done})
		done, err := x.finish(t.Context(), nil)
		if list := s.tasks(); err != nil || done.Remaining > 0 || list[0].State != Done || list[1].State != Done {
			t.Errorf("%d: %+v, %v: the catalog has %+v", first, done, err, list[:2])
		}
	}
}

// TestReleaseWhoseAnswerIsLost: each task is in one chunk, whether or not the release was written.
func TestReleaseWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	for _, first := range []fault{lost, committed} {
		s := newSlot(t, func(j *project.Job) { j.Partition.Count = 16 }) // chunks of four
		s.divide(nil)
		x, faulty := s.begin(0, func(*Execution) {})
		faulty.faults = []fault{first, refused}
		if added, err := x.release(t.Context()); err == nil || added != nil {
			t.Errorf("%d: released %v, %v", first, added, err)
		}
		x.apply(0, &task.Outcome{State: task.Done})
		if err := x.write(t.Context()); errors.Is(err, ErrSuperseded) != (first == committed) {
			t.Errorf("%d: then written: %v", first, err)
		}
		c := &calls{}
		_, unended, err := s.work.Summarize(t.Context(), s.ref)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range unended {
			s.execute(s.work, u.Chunk, c)
		}
		keys := c.keys()
		slices.Sort(keys)
		if got := s.summary(); got.Tasks != 16 || got.Done != 16 || len(slices.Compact(keys)) != len(c.list) {
			t.Errorf("%d: %+v after %q", first, got, keys)
		}
	}
}

// TestSuspendedWorker begins no task of those that it has claimed together after another worker has begun them.
func TestSuspendedWorker(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.Count, j.Task.Email = 8, &project.EmailTask{} }) // chunks of two
	s.divide(nil)
	all := func(e *Execution) { e.ClaimAll = true }
	suspended, _ := s.begin(0, all)
	s.clock.pass(s.job.Heartbeat + time.Minute)
	s.begin(0, all) // by another worker, which has executed nothing yet
	suspended.apply(0, &task.Outcome{State: task.Done})
	if begins, err := suspended.begin(t.Context(), 1); begins || !errors.Is(err, ErrSuperseded) {
		t.Errorf("it begins the next task: %v, %v", begins, err)
	}
}

// TestLiveOutputOfDeadWorker is not shown any more when the next worker has written.
func TestLiveOutputOfDeadWorker(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.Count = 1 })
	s.divide(nil)
	dead, _ := s.begin(0, func(*Execution) {})
	dead.live.start(0, due, "w1")([]byte("half of it"))
	if err := dead.writeLive(t.Context()); err != nil {
		t.Fatal(err)
	}
	next, _ := s.begin(0, func(*Execution) {})
	if _, err := next.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := s.work.EachOutput(t.Context(), s.ref, nil, func(o Output) error {
		t.Errorf("shown: %+v", o)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestTaskThatIsExecuted is shown as begun after a second, with its worker, whether or not it has written anything.
func TestTaskThatIsExecuted(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.Count = 8 })
	s.divide(nil)
	x, _ := s.begin(0, func(*Execution) {})
	x.attemptOf(0)
	for passed, want := range []State{Waiting, Claimed} {
		if _, err := x.look(t.Context()); err != nil {
			t.Fatal(err)
		}
		if one := s.tasks()[0]; one.State != want || (want == Claimed) != (one.Worker == "w1" && one.Began.Equal(due)) {
			t.Errorf("after %d s: %+v", passed, one)
		}
		s.clock.pass(watchInterval)
	}
	x.apply(0, &task.Outcome{State: task.Done})
	if _, err := x.finish(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if one := s.tasks()[0]; one.State != Done || !one.Began.IsZero() {
		t.Errorf("%+v", one)
	}
}
