// What people ask of jobs: to run a slot, to cancel one, to fill in slots of the past, to pause.

package app

import (
	"context"
	"os"
	"os/user"
	"strconv"
	"time"

	"bursar/internal/job/record"
	"bursar/internal/job/slot"
	"bursar/internal/project"
)

// person is who asks, as slots record it: the user of this process, and its machine.
func person() string {
	name := "user " + strconv.Itoa(os.Getuid())
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil && host != "" {
		name += "@" + host
	}
	return name
}

// PauseJob makes a job skip what is due from now on; changed is false if it was paused before.
func (a *App) PauseJob(ctx context.Context, j *project.Job) (changed bool, err error) {
	if changed, err = a.slots().Pause(ctx, a.Project.Jobs, j, person()); changed && err == nil {
		a.jobsChanged(ctx)
	}
	return changed, err
}

// ResumeJob ends a pause; changed is false if there was none.
func (a *App) ResumeJob(ctx context.Context, j *project.Job) (changed bool, err error) {
	if changed, err = a.slots().Resume(ctx, a.Project.Jobs, j); changed && err == nil {
		a.jobsChanged(ctx)
	}
	return changed, err
}

// jobsChanged notifies whoever decides about slots. What a person has asked for is recorded already: without the notification it is noticed
// later.
func (a *App) jobsChanged(ctx context.Context) {
	if err := a.wakeJobs(ctx); err != nil {
		a.log.Warn("a change of jobs is recorded, but the processes that execute them are not notified", "error", err)
	}
}

// CancelSlot asks for the end of a slot. One that waits ends at once, one that is executed soon; one that has ended stays as it is.
func (a *App) CancelSlot(ctx context.Context, ref record.Ref) (record.Slot, error) {
	s, err := a.slots().Cancel(ctx, ref, person())
	if err == nil {
		a.jobsChanged(ctx)
	}
	return s, err
}

// BackfillJob records slots of the past that wait. They are executed one after another.
func (a *App) BackfillJob(ctx context.Context, j *project.Job, in record.Interval) (record.Backfilled, error) {
	out, err := a.slots().Backfill(ctx, a.Project.Jobs, j, in, person())
	if err == nil && !in.Dry {
		a.jobsChanged(ctx)
	}
	return out, err
}

// progressPoll is the least time between two looks at the progress of a slot.
const progressPoll = time.Second

// RunJob records that a person asks for a slot, or for what has failed of it, and executes it until it has ended. A zero due time is now. watch
// may be nil; otherwise it is called again and again while the slot waits, and then from
// time to time with how many of its tasks have ended.
func (a *App) RunJob(ctx context.Context, j *project.Job, due time.Time, onlyFailed bool, watch func(s record.Slot, done, total int)) (record.Slot, error) {
	ask := a.slots().RunNow
	if onlyFailed {
		ask = a.slots().RunFailed
	}
	ref, err := ask(ctx, a.Project.Jobs, j, due, person())
	if err != nil {
		return record.Slot{}, err
	}
	s, err := a.executeSlot(ctx, j, ref, a.slotProgress(ctx, watch))
	if err != nil {
		s.Ref = ref
	}
	return s, err
}

// slotProgress returns a function that counts the tasks of a slot for watch. Errors are left to whoever executes the slot.
func (a *App) slotProgress(ctx context.Context, watch func(s record.Slot, done, total int)) func(record.Slot) {
	if watch == nil {
		return nil
	}
	var last time.Time
	return func(s record.Slot) {
		if s.State == slot.Waiting {
			watch(s, 0, 0)
			return
		}
		if s.State.IsOpen() && time.Since(last) < progressPoll {
			return
		}
		if n, _, err := a.work().Summarize(ctx, s.Ref); err == nil {
			watch(s, n.Done+n.Failed+n.Excluded+n.Cancelled, n.Tasks)
		}
		last = time.Now()
	}
}
