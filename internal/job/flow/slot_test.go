// The workflow of a slot in virtual time: concurrency, retries, lost workers, new chunks, and cancellation.

package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/failure"
	"bursar/internal/job/chunk"
)

func TestExecutesEachChunkOnce(t *testing.T) {
	t.Parallel()
	for _, chunks := range []int{0, 1, 7, 100} {
		s := newScripted(chunks, 4)
		if _, n, err := execute(t, s); err != nil || s.ending == nil || s.ending.Err != nil || !slices.Equal(n.list(), []string{"wake"}) {
			t.Errorf("%d chunks: %v, %+v, %q", chunks, err, s.ending, n.list())
		}
		for i := range chunks {
			if calls := s.count(fmt.Sprint("chunk ", i)); calls != 1 {
				t.Errorf("%d chunks: chunk %d was executed %d times", chunks, i, calls)
			}
		}
		if s.most > 4 {
			t.Errorf("%d at a time", s.most)
		}
	}
}

// TestSlotThatHasEnded does nothing.
func TestSlotThatHasEnded(t *testing.T) {
	t.Parallel()
	s := newScripted(3, 1)
	s.division.Ended = true
	if _, _, err := execute(t, s); err != nil || s.count("chunk 0") > 0 || s.count("finish") > 0 {
		t.Errorf("%v, %q", err, s.calls)
	}
}

func TestBadDivision(t *testing.T) {
	t.Parallel()
	s := newScripted(3, 1)
	s.fail["divide"] = []error{failure.Wrap(failure.Data, errors.New("partitions 1 and 2 are the same"))}
	if _, _, err := execute(t, s); err != nil || s.ending == nil || s.ending.Err == nil || !strings.Contains(s.ending.Err.Error(), "are the same") {
		t.Errorf("%v, %+v", err, s.ending)
	}
}

// TestWaitsForRetries: what remains of a chunk is executed when it is time, and delays no others.
func TestWaitsForRetries(t *testing.T) {
	t.Parallel()
	s := newScripted(3, 1)
	env, _ := virtual(s)
	hour := env.Now().Add(time.Hour)
	s.rest[0] = []chunk.Executed{{Remaining: 2, Again: hour}, {Remaining: 1}}
	began := env.Now()
	env.ExecuteWorkflow(Slot, SlotInput{Slot: ref.String()})
	if took := env.Now().Sub(began); env.GetWorkflowError() != nil || took < time.Hour || took > time.Hour+time.Minute {
		t.Errorf("%v after %s", env.GetWorkflowError(), took)
	}
	if want := []string{"divide", "chunk 0", "chunk 1", "chunk 2", "chunk 0", "chunk 0", "finish"}; !slices.Equal(s.calls, want) {
		t.Errorf("called %q", s.calls)
	}
}

// TestRetriesLetOthersBegin: chunks whose tasks are due again at once do not keep those waiting that nobody has begun.
func TestRetriesLetOthersBegin(t *testing.T) {
	t.Parallel()
	const chunks = 40
	s := newScripted(chunks, 1)
	for i := range chunks / 2 {
		s.rest[i] = slices.Repeat([]chunk.Executed{{Remaining: 1}}, 100)
	}
	if _, _, err := execute(t, s); err != nil || s.ending == nil || s.ending.Err != nil {
		t.Fatalf("%v, %+v", err, s.ending)
	}
	last := slices.Index(s.calls, fmt.Sprint("chunk ", chunks-1))
	if retries := last - chunks; retries > chunks {
		t.Errorf("%d chunks were executed again before the last one had begun", retries)
	}
	for i := range chunks / 2 {
		if n := s.count(fmt.Sprint("chunk ", i)); n != 101 {
			t.Errorf("chunk %d was executed %d times", i, n)
		}
	}
}

// notHere is the error of a process whose folder lacks the job.
type notHere struct{ error }

func (notHere) Class() failure.Class { return failure.Transient }
func (notHere) DeclinedByProcess()   {}

// TestDeclined: while some processes lack the job, a slot waits for one that has it.
func TestDeclined(t *testing.T) {
	t.Parallel()
	s := newScripted(2, 1)
	declined := slices.Repeat([]error{notHere{errors.New("job calls is not in its project folder")}}, 12)
	s.fail["divide"], s.fail["chunk 0"] = declined, slices.Clone(declined)
	if took, _, err := execute(t, s); err != nil || s.ending == nil || s.ending.Err != nil || s.count("chunk 0") != 13 || s.count("divide") != 13 || took > 5*time.Minute {
		t.Errorf("%v, %+v after %s, %q", err, s.ending, took, s.calls)
	}
	s = newScripted(1, 1)
	s.fail["divide"] = slices.Repeat(declined, 100)
	if took, _, err := execute(t, s); err != nil || s.ending == nil || s.ending.Err == nil || !strings.Contains(s.ending.Err.Error(), "is not in its project folder") || took > time.Hour {
		t.Errorf("%v, %+v after %s", err, s.ending, took)
	}
}

// TestWorkersThatFail: chunks are executed again after a while, but not for ever.
func TestWorkersThatFail(t *testing.T) {
	t.Parallel()
	away := failure.Wrap(failure.Transient, errors.New("the catalog is away"))
	s := newScripted(1, 1)
	s.fail["chunk 0"] = slices.Repeat([]error{away}, 12)
	if took, _, err := execute(t, s); err != nil || s.ending.Err != nil || s.count("chunk 0") != 13 || took > 5*time.Minute {
		t.Errorf("%v, %+v after %s, %d calls", err, s.ending, took, s.count("chunk 0"))
	}
	s = newScripted(2, 1)
	s.fail["chunk 0"] = slices.Repeat([]error{away}, 1000)
	if _, _, err := execute(t, s); err != nil || s.ending.Err == nil || !strings.Contains(s.ending.Err.Error(), "lost or failed 20 times in a row") {
		t.Errorf("%v, %+v", err, s.ending)
	}
	s = newScripted(2, 1)
	s.fail["chunk 0"] = []error{failure.Wrap(failure.Data, errors.New("job calls is not declared"))}
	if _, _, err := execute(t, s); err != nil || s.ending.Err == nil || s.count("chunk 0") != 1 || s.count("chunk 1") > 0 {
		t.Errorf("%v, %+v, %q", err, s.ending, s.calls)
	}
}

// TestSupersededAttempts: the attempt whose work a late one has written is made again.
func TestSupersededAttempts(t *testing.T) {
	t.Parallel()
	s := newScripted(1, 1)
	s.fail["divide"] = []error{chunk.ErrSuperseded}
	s.fail["chunk 0"] = []error{chunk.ErrSuperseded}
	if _, _, err := execute(t, s); err != nil || s.ending == nil || s.ending.Err != nil || s.count("chunk 0") != 2 {
		t.Errorf("%v, %+v, %q", err, s.ending, s.calls)
	}
}

// TestWorkerThatStops: an activity that was interrupted, but not by the slot, is executed again.
func TestWorkerThatStops(t *testing.T) {
	t.Parallel()
	s := newScripted(2, 1)
	s.fail["chunk 0"] = []error{context.Canceled}
	if took, _, err := execute(t, s); err != nil || s.ending == nil || s.ending.Err != nil || s.count("chunk 0") != 2 || took > time.Minute {
		t.Errorf("%v, %+v after %s, %q", err, s.ending, took, s.calls)
	}
}

// TestReleasedChunks: a chunk that a worker adds is executed, whether or not its report arrives.
func TestReleasedChunks(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		s := newScripted(1, 2)
		env, _ := virtual(s)
		if lost {
			s.left = [][]chunk.Unended{{{Chunk: 7}}}
		} else {
			s.during = func(ctx context.Context, number int, released func(context.Context, int)) {
				if number == 0 {
					released(ctx, 7)
				}
			}
		}
		env.ExecuteWorkflow(Slot, SlotInput{Slot: ref.String()})
		if err := env.GetWorkflowError(); err != nil || s.count("chunk 7") != 1 {
			t.Errorf("lost %v: %v, %q", lost, err, s.calls)
		}
	}
}

// TestLongChunk: the chunks that a worker was given with a long one are executed by others.
func TestLongChunk(t *testing.T) {
	t.Parallel()
	s := newScripted(8, 2) // four at a time
	env, _ := virtual(s)
	env.SetTestTimeout(20 * time.Second)
	others := make(chan struct{}, 8)
	s.during = func(_ context.Context, number int, _ func(context.Context, int)) {
		if number > 0 {
			others <- struct{}{}
			return
		}
		for range 7 {
			<-others
		}
	}
	env.ExecuteWorkflow(Slot, SlotInput{Slot: ref.String()})
	if err := env.GetWorkflowError(); err != nil || s.ending == nil || s.ending.Err != nil {
		t.Errorf("%v, %+v", err, s.ending)
	}
	for _, name := range []string{"chunk 101", "chunk 102", "chunk 103", "chunk 7"} {
		if s.count(name) != 1 {
			t.Errorf("%s: %q", name, s.calls)
		}
	}
}

// TestCancelledSlot waits for its activities, and records that it was cancelled.
func TestCancelledSlot(t *testing.T) {
	t.Parallel()
	s := newScripted(50, 2)
	env, _ := virtual(s)
	hour := env.Now().Add(time.Hour)
	for i := range 50 {
		s.rest[i] = []chunk.Executed{{Remaining: 1, Again: hour}}
	}
	env.RegisterDelayedCallback(env.CancelWorkflow, time.Minute)
	env.ExecuteWorkflow(Slot, SlotInput{Slot: ref.String()})
	if err := env.GetWorkflowError(); err != nil || s.ending == nil || !s.ending.Cancelled || s.ending.Err != nil {
		t.Errorf("%v, %+v", err, s.ending)
	}
}
