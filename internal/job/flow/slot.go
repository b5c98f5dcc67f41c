// The workflow of a slot: divides its work, hands its chunks to workers, and records its end.

package flow

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"bursar/internal/failure"
	"bursar/internal/job/chunk"
	"bursar/internal/temporal"
)

const (
	// mostChunks bounds the chunks that one activity is given: a worker that is slow holds up no more.
	mostChunks = 8
	// mostLosses is how often workers may be lost, or fail for reasons outside the tasks, in a row before the slot fails.
	mostLosses = 20
)

// lossBackoff is the wait before chunks are executed again whose worker was lost or failed, after the retries of the activity.
var lossBackoff = failure.Backoff{Least: 2 * time.Second, Most: 2 * time.Minute}

// SlotInput starts the workflow Slot.
type SlotInput struct {
	Slot    string `json:"slot"` // its reference
	Project string `json:"project,omitempty"`

	// The rest is from earlier executions of the same chain.
	Division *Division       `json:"division,omitempty"`
	Next     int             `json:"next,omitempty"` // the first chunk that was not handed out
	Later    []chunk.Unended `json:"later,omitempty"`
	Losses   int             `json:"losses,omitempty"`
}

// DivideInput requests the division of a slot.
type DivideInput struct {
	Slot    string `json:"slot"`
	Project string `json:"project,omitempty"`
}

// ExecuteInput requests the tasks of some chunks.
type ExecuteInput struct {
	Slot    string `json:"slot"`
	Chunks  []int  `json:"chunks"`
	Project string `json:"project,omitempty"`
}

// ExecuteResult says what remains of them.
type ExecuteResult struct {
	Rest []chunk.Unended `json:"rest,omitempty"`
}

// FinishInput requests the end of a slot.
type FinishInput struct {
	Slot      string            `json:"slot"`
	Cancelled bool              `json:"cancelled,omitempty"`
	Failure   *temporal.Failure `json:"failure,omitempty"`
	Project   string            `json:"project,omitempty"`
}

// FinishResult lists the chunks that remain; none if the slot has ended.
type FinishResult struct {
	Rest []chunk.Unended `json:"rest,omitempty"`
}

// Slot executes a slot. How it ended is in the catalog.
func Slot(ctx workflow.Context, in SlotInput) error {
	s := &slotRun{in: in, next: in.Next, later: in.Later, losses: in.Losses}
	if in.Division == nil {
		d, err := s.divide(ctx)
		if err != nil || d.Ended {
			return s.stop(ctx, err)
		}
		s.in.Division = &d
	}
	s.chunks = s.in.Division.Chunks
	return s.run(ctx)
}

// divide divides the slot. Processes whose project folder lacks the job decline: another one may have it, as while the folder is changed on
// one machine after the other.
func (s *slotRun) divide(ctx workflow.Context) (d Division, err error) {
	for tries := 1; ; tries++ {
		err = workflow.ExecuteActivity(decisionContext(ctx), divideActivity, DivideInput{s.in.Slot, s.in.Project}).Get(ctx, &d)
		if !temporal.WasDeclined(err) || tries == mostLosses {
			return d, err
		}
		if err := workflow.Sleep(ctx, lossBackoff.After(tries)); err != nil {
			return d, err
		}
	}
}

// stop ends a slot that has no tasks to execute.
func (s *slotRun) stop(ctx workflow.Context, err error) error {
	if err == nil {
		return nil
	}
	_, err = s.finish(ctx, err)
	return err
}

// slotRun is the state of one execution of Slot.
type slotRun struct {
	in      SlotInput
	chunks  int             // that the slot was divided into
	next    int             // the first of them that was not handed out
	later   []chunk.Unended // chunks to execute, sorted by when they may begin
	running int             // activities
	again   bool            // what was handed out last had been begun before
	losses  int             // of workers, in a row
	failed  error           // why the slot cannot go on
	changed bool            // since the last wait began
	pause   pause
}

// run hands out chunks until all tasks have ended.
func (s *slotRun) run(ctx workflow.Context) error {
	s.receiveReleased(ctx)
	for {
		if s.running == 0 && isLong(ctx) && !s.isEnding(ctx) {
			return s.continueAsNew(ctx)
		}
		pauses := s.pause.isDue(ctx)
		for !pauses && !s.isEnding(ctx) && s.running < s.places() && s.execute(ctx) {
			continue
		}
		if s.running > 0 || s.isWaiting(ctx) {
			s.await(ctx)
			continue
		}
		if ended, err := s.finish(ctx, s.failed); ended || err != nil {
			return err
		}
	}
}

// receiveReleased adds the chunks that workers report.
func (s *slotRun) receiveReleased(ctx workflow.Context) {
	reports := workflow.GetSignalChannel(ctx, releasedSignal)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var number int
			if !reports.Receive(ctx, &number) {
				return
			}
			s.add(chunk.Unended{Chunk: number})
			s.changed = true
		}
	})
}

// await waits until an activity ends, a chunk is added, or the next one may begin. After a cancellation it waits for all activities.
func (s *slotRun) await(ctx workflow.Context) {
	s.changed = false
	if s.isEnding(ctx) {
		ending, _ := workflow.NewDisconnectedContext(ctx)
		_ = workflow.Await(ending, func() bool { return s.running == 0 }) // it is not cancelled
		return
	}
	changed := func() bool { return s.changed || ctx.Err() != nil }
	if wait := s.untilNext(workflow.Now(ctx)); wait > 0 {
		_, _ = workflow.AwaitWithTimeout(ctx, wait, changed) // a cancellation is seen by the caller
		return
	}
	_ = workflow.Await(ctx, changed)
}

// untilNext returns how long to wait until a chunk may begin for which there is a place; 0: something else happens before.
func (s *slotRun) untilNext(now time.Time) time.Duration {
	switch {
	case s.pause.until.After(now):
		return s.pause.until.Sub(now)
	case len(s.later) == 0 || s.running >= s.places():
		return 0
	}
	return s.later[0].Again.Sub(now)
}

// isEnding reports whether no more chunks are handed out.
func (s *slotRun) isEnding(ctx workflow.Context) bool { return ctx.Err() != nil || s.failed != nil }

// isWaiting reports whether chunks wait for their time, or for a place.
func (s *slotRun) isWaiting(ctx workflow.Context) bool {
	return !s.isEnding(ctx) && (s.next < s.chunks || len(s.later) > 0)
}

func (s *slotRun) places() int { return max(s.in.Division.Concurrency, 1) }

// add adds a chunk to execute. One that is known is not added again.
func (s *slotRun) add(u chunk.Unended) {
	if slices.ContainsFunc(s.later, func(o chunk.Unended) bool { return o.Chunk == u.Chunk }) {
		return
	}
	at, _ := slices.BinarySearchFunc(s.later, u, func(a, b chunk.Unended) int {
		if c := a.Again.Compare(b.Again); c != 0 {
			return c
		}
		return -1 // behind those of the same time
	})
	s.later = slices.Insert(s.later, at, u)
}

// take returns the next chunks to execute: in turn, one whose time has come again and some that nobody has begun, so that neither keeps the
// other waiting.
func (s *slotRun) take(now time.Time) (numbers []int) {
	isDue, isFresh := len(s.later) > 0 && !s.later[0].Again.After(now), s.next < s.chunks
	if s.again = isDue && (!isFresh || !s.again); s.again {
		numbers = []int{s.later[0].Chunk}
		s.later = s.later[1:]
		return numbers
	}
	most := min(max(s.chunks/s.places(), 1), mostChunks) // what a worker has not begun after quickChunks is handed out again
	for ; s.next < s.chunks && len(numbers) < most; s.next++ {
		numbers = append(numbers, s.next)
	}
	return numbers
}

// execute hands chunks to a worker. It reports false if there are none at the moment.
func (s *slotRun) execute(ctx workflow.Context) bool {
	numbers := s.take(workflow.Now(ctx))
	if len(numbers) == 0 {
		return false
	}
	s.running++
	workflow.Go(ctx, func(ctx workflow.Context) {
		var result ExecuteResult
		err := workflow.ExecuteActivity(s.tasksContext(ctx), executeActivity, ExecuteInput{s.in.Slot, numbers, s.in.Project}).Get(ctx, &result)
		s.running--
		s.changed = true
		s.executed(ctx, numbers, &result, err)
	})
	return true
}

// tasksContext sets the options of the activities that execute tasks. The first attempt after a lost worker begins at once.
func (s *slotRun) tasksContext(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           TasksQueue,
		StartToCloseTimeout: longestAttempt,
		HeartbeatTimeout:    s.in.Division.Heartbeat,
		RetryPolicy:         temporal.RetryPolicy(),
		WaitForCancellation: true, // a cancelled slot ends when its programs have ended
	})
}

// executed takes what remains of chunks that were handed out.
func (s *slotRun) executed(ctx workflow.Context, numbers []int, result *ExecuteResult, err error) {
	switch {
	case err == nil:
		s.losses = 0
		for _, u := range result.Rest {
			s.add(u)
		}
		return
	case ctx.Err() != nil:
		return
	case !temporal.MayPass(err) && !temporal.WasDeclined(err):
		s.failed = err
		return
	}
	if s.losses++; s.losses >= mostLosses {
		text := fmt.Sprintf("the workers that executed its tasks were lost or failed %d times in a row; the last one: %v", s.losses, temporal.FromTemporal(err))
		s.failed = failure.Wrap(failure.Transient, errors.New(text)) // the text of the failure is not only the last one's
		return
	}
	again := workflow.Now(ctx).Add(lossBackoff.After(s.losses))
	for _, number := range numbers {
		s.add(chunk.Unended{Chunk: number, Again: again})
	}
}

// finish records the end of the slot. It reports false if chunks remain, which it adds: reports of new chunks may have been lost.
func (s *slotRun) finish(ctx workflow.Context, failed error) (ended bool, err error) {
	in := FinishInput{Slot: s.in.Slot, Project: s.in.Project, Cancelled: ctx.Err() != nil}
	if failed != nil && !in.Cancelled {
		f := temporal.NewFailure(failed)
		in.Failure = &f
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	var result FinishResult
	for failures := 1; ; failures++ {
		err := workflow.ExecuteActivity(decisionContext(ctx), finishActivity, in).Get(ctx, &result)
		if err == nil {
			break
		}
		if !temporal.MayPass(err) {
			return false, err
		}
		if err := workflow.Sleep(ctx, lossBackoff.After(failures)); err != nil {
			return false, err
		}
	}
	for _, u := range result.Rest {
		s.add(u)
	}
	return len(result.Rest) == 0, nil
}
