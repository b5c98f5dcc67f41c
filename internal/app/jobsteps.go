// The steps of slots: decides, divides, executes and finishes them, and reports what happens.

package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bursar/internal/failure"
	"bursar/internal/job/chunk"
	"bursar/internal/job/flow"
	"bursar/internal/job/record"
	"bursar/internal/project"
)

// jobSteps executes the steps of slots.
type jobSteps struct{ *App }

// Decide records what becomes of everything that is due.
func (s jobSteps) Decide(ctx context.Context) (flow.Decision, error) {
	ctx, diskErr, endWatch := s.disk.watch(ctx)
	defer endWatch()
	d, err := s.slots().Decide(ctx, s.Project.Jobs)
	if err != nil {
		return flow.Decision{}, errors.Join(diskErr(), err)
	}
	for _, broken := range d.Broken {
		s.log.Error("nothing is decided about a job, whose records are damaged; the other jobs go on", "error", broken)
	}
	return flow.Decision{Start: d.Start, Cancel: d.Cancel, Again: d.Again}, nil
}

// declaredJob returns the declaration of a job. If several processes share the project, one whose folder lacks the job leaves its slots to others.
func (a *App) declaredJob(name string) (*project.Job, error) {
	if j := a.Project.Job(name); j != nil {
		return j, nil
	}
	err := failure.Wrap(failure.Data, fmt.Errorf("job %s is not declared: jobs/%s.yaml is missing in the project folder of this process", name, name))
	if !a.IsShared() {
		return nil, err
	}
	d := &declinedError{process: a.shared.process.ID, text: fmt.Sprintf("job %s is not in its project folder; %s", name, sameFolder), cause: err}
	a.warnDeclined("job", name, d)
	return nil, d
}

// Divide fixes the tasks of a slot.
func (s jobSteps) Divide(ctx context.Context, ref record.Ref) (flow.Division, error) {
	ctx, diskErr, endWatch := s.disk.watch(ctx)
	defer endWatch()
	now, err := s.slots().Get(ctx, ref)
	if err != nil || !now.State.IsOpen() {
		return flow.Division{Ended: err == nil}, errors.Join(diskErr(), err)
	}
	j, err := s.declaredJob(ref.Job)
	if err != nil {
		return flow.Division{}, err
	}
	if _, err := s.executor(j); err != nil {
		return flow.Division{}, err
	}
	source := s.partitions(j, ref.Due)
	if now.FailedOf != nil {
		source = s.work().Failed(record.Ref{Job: ref.Job, Due: ref.Due, Run: *now.FailedOf})
	}
	d, err := s.work().Divide(ctx, j, ref, source)
	if err != nil {
		return flow.Division{}, errors.Join(diskErr(), err)
	}
	return flow.Division{Chunks: d.Chunks, Concurrency: j.Concurrency, Heartbeat: j.Heartbeat}, nil
}

// Execute executes the tasks of a chunk that are due. After an error of the disk no more of them begin; what is executed goes on to its end.
func (s jobSteps) Execute(ctx context.Context, ref record.Ref, number int, h flow.Handling) (chunk.Executed, error) {
	j, err := s.declaredJob(ref.Job)
	if err != nil {
		return chunk.Executed{}, err
	}
	executor, err := s.executor(j)
	if err != nil {
		return chunk.Executed{}, err
	}
	first, err := s.firstRun(ctx, j, ref)
	if err != nil {
		return chunk.Executed{}, err
	}
	beginning, stop := context.WithCancel(ctx)
	defer stop()
	beginning, diskErr, endWatch := s.disk.watch(beginning)
	defer endWatch()
	go func() {
		select {
		case <-h.Stop:
			stop()
		case <-beginning.Done():
		}
	}()
	done, err := s.work().Execute(ctx, chunk.Execution{
		Job: j, Ref: ref, Chunk: number, Tasks: executor, Stop: beginning.Done(), Released: h.Released,
		ClaimAll: j.Task.Email != nil && s.Project.Config.Mail.Sent != "", First: first, AfterLoss: h.AfterLoss,
	})
	if err == nil && done.Remaining > 0 {
		err = diskErr()
	}
	return done, err
}

// firstRun returns the run that had all tasks of a slot with statements that has what other runs have not done.
func (s jobSteps) firstRun(ctx context.Context, j *project.Job, ref record.Ref) (*int, error) {
	if j.Task.SQL == "" || ref.Run == 0 {
		return nil, nil
	}
	now, err := s.slots().Get(ctx, ref)
	return now.FirstRun, err
}

// Finish records the end of a slot, unless chunks remain. It logs an error after which the workflow of the slot fails: it is started again, and
// nobody else reports why.
func (s jobSteps) Finish(ctx context.Context, ref record.Ref, how flow.Ending) (rest []chunk.Unended, err error) {
	if rest, err = s.finish(ctx, ref, how); err != nil && !failure.Of(err).Retryable() {
		s.log.Error("cannot record the end of a slot; trying again", "slot", ref.String(), "error", err)
	}
	return rest, err
}

func (s jobSteps) finish(ctx context.Context, ref record.Ref, how flow.Ending) (rest []chunk.Unended, err error) {
	ctx, diskErr, endWatch := s.disk.watch(ctx)
	defer endWatch()
	if how.Cancelled || how.Err != nil {
		if err := s.work().CancelRest(ctx, ref); err != nil {
			return nil, errors.Join(diskErr(), err)
		}
	}
	summary, rest, err := s.work().Summarize(ctx, ref)
	if err != nil || len(rest) > 0 {
		return rest, errors.Join(diskErr(), err)
	}
	_ = s.work().Sweep(ctx, ref) // else it is removed with the slot
	if how.Err != nil {
		summary.Error, summary.Class = how.Err.Error(), failure.Of(how.Err).String()
	}
	if how.Cancelled && summary.Error == "" {
		summary.Error = "it was cancelled"
	}
	_, err = s.slots().End(ctx, s.Project.Job(ref.Job), ref, summary)
	if errors.As(err, new(*record.NotFoundError)) {
		return nil, nil // its record was removed: nobody asks how it ended
	}
	return nil, errors.Join(diskErr(), err)
}

const (
	// keepSlots is how long ended slots are kept, with their tasks and output.
	keepSlots = 90 * 24 * time.Hour
	// pruneInterval is the time between two looks at what is older.
	pruneInterval = time.Hour
	// pruneAtOnce bounds the slots of a job that one transaction removes.
	pruneAtOnce = 100
)

// pruneJobs removes what is older than keepSlots, regularly, until ctx ends.
func (a *App) pruneJobs(ctx context.Context) {
	for ctx.Err() == nil {
		if err := a.prune(ctx, time.Now().Add(-keepSlots)); err != nil && ctx.Err() == nil {
			a.log.Warn("cannot remove old slots; trying again in an hour", "error", err)
		}
		pause(ctx, pruneInterval)
	}
}

// prune removes the slots that ended before a time, with their tasks. Their tasks go first: what is interrupted is removed again.
func (a *App) prune(ctx context.Context, before time.Time) error {
	states, err := a.slots().States(ctx)
	if err != nil {
		return err
	}
	for job := range states {
		for ctx.Err() == nil {
			old, err := a.slots().Old(ctx, job, before, pruneAtOnce)
			if err != nil {
				return err
			}
			for _, ref := range old {
				if err := a.work().Remove(ctx, ref); err != nil {
					return err
				}
			}
			if err := a.slots().Remove(ctx, job, old); err != nil {
				return err
			}
			if len(old) < pruneAtOnce {
				break
			}
		}
	}
	return a.forgetTaskSQL(ctx, before.Add(-keepSlots))
}
