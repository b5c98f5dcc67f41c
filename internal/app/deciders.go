// What jobs and accounts have in common: a workflow of the project that starts what is due, which this process may keep running.

package app

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"bursar/internal/temporal/backlog"

	"go.temporal.io/sdk/client"
)

// newScheduler makes the scheduler of a kind of work.
type newScheduler func(c client.Client, project string, shared bool, log *slog.Logger) *backlog.Scheduler

// follow keeps the workflow running that starts a kind of work, and does what belongs beside it, until stop, which is never nil. stop calls
// stopWorkers last. The scheduler is in kept meanwhile, which a.starting guards.
func (a *App) follow(ctx context.Context, scheduler newScheduler, kept **backlog.Scheduler, beside func(context.Context), stopWorkers func() error) (stop func() error, err error) {
	c, err := a.TemporalClient(ctx)
	if err != nil {
		return stopWorkers, err
	}
	s := scheduler(c, a.id, a.IsShared(), a.log)
	a.starting.Lock()
	*kept = s
	a.starting.Unlock()
	working, end := context.WithCancel(context.WithoutCancel(ctx))
	var group sync.WaitGroup
	group.Go(func() { beside(working) })
	stop = func() error {
		end()
		group.Wait()
		pausing, cancel := context.WithTimeout(context.Background(), pauseTimeout)
		defer cancel()
		return errors.Join(s.Unfollow(pausing), stopWorkers())
	}
	return stop, s.Follow(ctx)
}

// wake notifies the workflow that starts a kind of work that something has changed. It does nothing if nobody keeps it running.
func (a *App) wake(ctx context.Context, scheduler newScheduler, kept **backlog.Scheduler) error {
	a.starting.Lock()
	s := *kept
	a.starting.Unlock()
	if s != nil {
		return s.Wake(ctx)
	}
	if !a.IsShared() {
		return nil
	}
	c, err := a.TemporalClient(ctx)
	if err != nil {
		return err
	}
	return scheduler(c, a.id, true, a.log).Wake(ctx)
}
