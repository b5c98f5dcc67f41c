// Executes the tasks of a chunk, one after another.

package chunk

import (
	"context"
	"errors"
	"sync"
	"time"

	"bursar/internal/failure"
	"bursar/internal/job/record"
	"bursar/internal/job/task"
	"bursar/internal/project"
)

const (
	// watchInterval is the time between two looks at a chunk that is executed: outcomes are lost with their worker for no longer than that.
	watchInterval = time.Second
	// confirmInterval is how long a worker may begin tasks that it has claimed without asking whether it still has the chunk. With the time
	// between two heartbeats it is not longer than the shortest heartbeat of a job.
	confirmInterval = time.Second
	// longTask is how long a task may take before the tasks behind it are given to other workers.
	longTask = 2 * time.Second
	// throttledFactor is how many times longer a task waits that a server has refused because there are too many.
	throttledFactor = 10
	// writeTimeout bounds a write of a worker that is asked to stop.
	writeTimeout = 5 * time.Second
	// maxBufferedOutput is the most bytes of tasks' output that are in memory before they are written.
	maxBufferedOutput = 4 << 20
)

// Executor executes one attempt of a task.
type Executor interface {
	Execute(ctx context.Context, a task.Attempt) task.Outcome
}

// Execution requests the tasks of a chunk.
type Execution struct {
	Job   *project.Job
	Ref   record.Ref
	Chunk int
	Tasks Executor
	// Stop asks the worker to begin no more tasks; those that remain are executed elsewhere.
	Stop <-chan struct{}
	// Released reports a new chunk that has tasks which wait for a long one. A report may be lost.
	Released func(ctx context.Context, chunk int)
	// ClaimAll lets the tasks of a chunk be claimed together, because whether an attempt has had its effect can be found out.
	ClaimAll bool
	// First is the run that had all tasks of this one, if they are what other runs have not done: statements are executed once for both.
	First *int
	// AfterLoss says that a worker was lost which had the chunk: it may be a task that ended it.
	AfterLoss bool
}

// Executed says what remains of a chunk.
type Executed struct {
	Remaining int       // tasks that have not ended
	Again     time.Time // when the first of them may begin; zero: now
}

// Execute executes the tasks of a chunk that are due. An interrupted task stays to be executed again. It fails with ErrSuperseded if another
// worker has the chunk.
func (w *Work) Execute(ctx context.Context, e Execution) (Executed, error) {
	c, err := w.load(ctx, e.Ref, e.Chunk)
	if errors.Is(err, errCancelled) {
		return Executed{}, nil
	}
	if err != nil {
		return Executed{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	x := newExecution(e, c)
	x.cancel = cancel
	x.countLost()
	var watch sync.WaitGroup
	ended := make(chan struct{})
	watch.Go(func() { x.watch(ctx, ended) })
	err = x.run(ctx)
	close(ended)
	watch.Wait()
	done, err := x.finish(ctx, err)
	x.reports.Wait()
	return done, err
}

// execution is a chunk that is executed. mu guards what the watching goroutine uses as well.
type execution struct {
	Execution
	cancel  context.CancelCauseFunc
	reports sync.WaitGroup // of chunks that were added: they may take long, and nothing waits for them but the end

	mu      sync.Mutex
	chunk   *loaded
	changed bool // the outcomes are not written
	outputs []output
	bytes   int // of outputs
	failing failing
	current int       // the task that is executed; -1: none
	began   time.Time // of its attempt
	live    liveOutput

	claimed map[int]bool // by this execution
	begun   map[int]bool // by this execution

	permits permits
	wait    time.Time // for the next permits; zero: none was refused
}

func newExecution(e Execution, c *loaded) *execution {
	x := &execution{Execution: e, chunk: c, current: -1, claimed: map[int]bool{}, begun: map[int]bool{}}
	x.live.written, x.changed = c.live, c.live // the first write removes what a dead worker showed
	return x
}

// run executes what is due until nothing is, or it is asked to stop.
func (x *execution) run(ctx context.Context) error {
	for i := range x.chunk.tasks.Keys {
		if x.isStopped(ctx) {
			return nil
		}
		begins, err := x.begin(ctx, i)
		if err != nil || !x.wait.IsZero() {
			return err
		}
		if !begins {
			continue
		}
		if err := x.attempt(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// isStopped reports whether no more tasks begin.
func (x *execution) isStopped(ctx context.Context) bool {
	select {
	case <-x.Stop:
		return true
	case <-ctx.Done():
		return true
	default:
		return false
	}
}

// begin reports whether an attempt of a task begins, and claims it.
func (x *execution) begin(ctx context.Context, i int) (bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.chunk.outcomes.isDue(i, x.chunk.work.Now()) {
		return false, nil
	}
	if !x.failing.since.IsZero() {
		if err := x.settle(ctx); err != nil {
			return false, err
		}
	}
	if permitted, err := x.permit(ctx); err != nil || !permitted {
		return false, err
	}
	if err := errors.Join(x.claim(ctx, i), x.noteBegin(ctx, i)); err != nil {
		return false, err
	}
	x.current, x.began, x.begun[i] = i, x.chunk.work.Now(), true
	return true, nil
}

// attempt executes one attempt of a task, and keeps its outcome.
func (x *execution) attempt(ctx context.Context, i int) error {
	outcome := x.Tasks.Execute(ctx, x.attemptOf(i))
	x.mu.Lock()
	defer x.mu.Unlock()
	x.current = -1
	x.keepOutput(i, &outcome)
	if ctx.Err() != nil && outcome.State == task.Failed { // it was interrupted: it has not failed by itself
		if d := x.chunk.outcomes.Details[i]; d != nil && d.Begun {
			d.Begun, x.changed = false, true
		}
		return nil
	}
	x.apply(i, &outcome)
	if x.bytes > maxBufferedOutput {
		return x.settle(ctx)
	}
	return nil
}

func (x *execution) attemptOf(i int) task.Attempt {
	x.mu.Lock()
	defer x.mu.Unlock()
	o, key := &x.chunk.outcomes, x.chunk.tasks.Keys[i]
	return task.Attempt{
		ID: taskID(x.Ref, key), Job: x.Ref.Job, Key: key, Due: x.Ref.Due, Zone: x.Job.Zone, Run: x.Ref.Run, Number: o.attempts(i) + 1,
		Columns: x.chunk.columns, Values: x.chunk.values(i), Uncertain: x.mayHaveEffect(i), Execution: x.firstRun().String(), Live: x.live.start(i, x.began, x.chunk.work.Worker),
	}
}

func (x *execution) firstRun() record.Ref {
	ref := x.Ref
	if x.First != nil {
		ref.Run = *x.First
	}
	return ref
}

// apply changes the outcome of a task after an attempt.
func (x *execution) apply(i int, a *task.Outcome) {
	x.changed = true
	o, now := &x.chunk.outcomes, x.chunk.work.Now()
	attempts := o.attempts(i) + 1
	if d := o.Details[i]; d != nil {
		d.Begun = false // it has ended
	}
	o.setTook(i, now.Sub(x.began))
	if attempts > 1 || a.State != task.Done || a.Exit != nil || a.Cut > 0 {
		*o.detail(i) = Detail{Attempts: attempts, Error: a.Error, Exit: a.Exit, CPU: a.CPU.Milliseconds(), Memory: a.MaxRSS, Cut: a.Cut}
	}
	switch a.State {
	case task.Done:
		o.setState(i, Done)
	case task.Excluded:
		o.setState(i, Excluded)
	default:
		d := o.detail(i)
		d.Class = a.Class.String()
		if !a.Class.Retryable() || attempts >= x.Job.Retry.Attempts {
			o.setState(i, Failed)
			return
		}
		o.setState(i, Waiting)
		d.Retry = now.Add(max(a.RetryAfter, retryWait(x.Job.Retry, a.Class, attempts))).UTC()
		if a.Uncertain {
			o.setState(i, Claimed)
		}
	}
}

// retryWait returns the wait after so many attempts.
func retryWait(r project.Retry, class failure.Class, attempts int) time.Duration {
	least := r.Wait
	if class == failure.Throttled {
		least *= throttledFactor
	}
	return failure.Backoff{Least: least, Most: r.Longest}.After(attempts)
}

// finish writes what is not written, also if the worker is asked to stop, and returns what remains.
func (x *execution) finish(ctx context.Context, err error) (Executed, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.unclaim()
	if ctx.Err() == nil && !errors.Is(err, ErrSuperseded) {
		err = errors.Join(err, x.settle(ctx))
	}
	if err == nil || !errors.Is(err, ErrSuperseded) {
		writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
		defer cancel()
		err = errors.Join(err, x.write(writing))
		x.returnPermits(writing)
	}
	if cause := context.Cause(ctx); errors.Is(cause, ErrSuperseded) {
		err = cause
	}
	if err != nil {
		return Executed{}, err
	}
	open, again := x.chunk.outcomes.remaining()
	if open > 0 && x.wait.After(again) {
		again = x.wait
	}
	return Executed{Remaining: open, Again: again}, nil
}

// watch writes outcomes and live output from time to time, and releases the tasks behind a long one, until the execution or ctx ends.
func (x *execution) watch(ctx context.Context, ended <-chan struct{}) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ended:
			return
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		added, err := x.look(ctx)
		if errors.Is(err, ErrSuperseded) {
			x.cancel(err)
			return
		}
		if x.Released != nil && len(added) > 0 {
			x.reports.Go(func() {
				for _, number := range added {
					x.Released(ctx, number)
				}
			})
		}
	}
}

// look returns the chunks that it has added.
func (x *execution) look(ctx context.Context) (added []int, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.changed {
		if err := x.write(ctx); err != nil {
			return nil, err // it is written again with the next outcome
		}
	}
	if x.current >= 0 && x.chunk.work.Now().Sub(x.began) >= watchInterval {
		x.live.show()
	}
	if err := x.writeLive(ctx); err != nil {
		return nil, err
	}
	if x.current >= 0 && x.chunk.work.Now().Sub(x.began) > longTask {
		return x.release(ctx)
	}
	return nil, nil
}
