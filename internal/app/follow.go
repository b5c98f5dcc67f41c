// Followers: pipelines whose workflows stay running and work off every batch as it is sealed.

package app

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/temporal"
)

const (
	// A failed wake is repeated after minWakeRetry. The delay doubles with each failure, up to maxWakeRetry.
	minWakeRetry, maxWakeRetry = time.Second, time.Minute
	// pauseTimeout bounds how long the running steps of a pipeline may take to end.
	pauseTimeout = 30 * time.Second
)

// followers are the pipelines that follow their streams, each with a channel for its next wake. The zero value has none.
type followers struct{ wakes sync.Map }

// wake schedules a wake of a pipeline and returns at once.
func (f *followers) wake(pipeline string) {
	value, _ := f.wakes.Load(pipeline)
	wakes, _ := value.(chan struct{})
	select {
	case wakes <- struct{}{}:
	default: // a wake is pending already, or the pipeline does not follow
	}
}

func (f *followers) add(pipeline string) <-chan struct{} {
	wakes := make(chan struct{}, 1)
	f.wakes.Store(pipeline, wakes)
	return wakes
}

func (f *followers) has(pipeline string) bool {
	_, follows := f.wakes.Load(pipeline)
	return follows
}

// startFollowers starts a follower for every pipeline. stop stops them and waits for their running steps.
func (a *App) startFollowers(ctx context.Context) (stop func() error, err error) {
	wakeCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var group sync.WaitGroup
	stop = func() error {
		cancel()
		group.Wait()
		a.followers.wakes.Clear()
		return a.stopFollowers()
	}
	for _, p := range a.Project.Pipelines {
		if err := a.runner.Follow(ctx, p.Name); err != nil {
			return stop, err
		}
		wakes := a.followers.add(p.Name)
		group.Go(func() { a.forwardWakes(wakeCtx, p.Name, wakes) })
	}
	for _, s := range a.Project.AllStreams() {
		a.wakeOnSeals(wakeCtx, &group, s.Name)
	}
	return stop, nil
}

// wakeOnSeals wakes the pipelines that read a stream whenever another process has sealed a batch of it, until ctx is done.
func (a *App) wakeOnSeals(ctx context.Context, group *sync.WaitGroup, stream string) {
	changes, watchable := a.Engine.Catalog.(catalog.Watcher)
	if !watchable || !a.runner.IsShared() {
		return
	}
	sealed := event.WatchBatches(ctx, changes, stream)
	group.Go(func() {
		for {
			select {
			case <-sealed:
				a.wakeFollowers(stream)
			case <-ctx.Done():
				return
			}
		}
	})
}

func (a *App) forwardWakes(ctx context.Context, pipeline string, wakes <-chan struct{}) {
	wait := minWakeRetry
	for {
		select {
		case <-wakes:
		case <-ctx.Done():
			return
		}
		err := a.runner.Wake(ctx, pipeline)
		if err == nil || ctx.Err() != nil {
			wait = minWakeRetry
			continue
		}
		level := slog.LevelWarn
		if temporal.IsOutage(err) && !a.shared.warnings.Pass("wake "+pipeline) {
			level = slog.LevelDebug
		}
		a.log.Log(ctx, level, "cannot notify a pipeline of a new batch; retrying", "pipeline", pipeline, "error", err)
		time.AfterFunc(wait, func() { a.followers.wake(pipeline) })
		wait = min(2*wait, maxWakeRetry)
	}
}

func (a *App) stopFollowers() error {
	ctx, cancel := context.WithTimeout(context.Background(), pauseTimeout)
	defer cancel()
	errs := make([]error, len(a.Project.Pipelines))
	var group sync.WaitGroup
	for i, p := range a.Project.Pipelines {
		group.Go(func() { errs[i] = a.runner.Unfollow(ctx, p.Name) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// pause stops the follower of a pipeline until resume is called. Those of other processes cannot be stopped.
func (a *App) pause(ctx context.Context, pipeline string) (resume func() error, err error) {
	if !a.followers.has(pipeline) || a.runner.IsShared() {
		return func() error { return nil }, nil
	}
	if err := a.runner.Unfollow(ctx, pipeline); err != nil {
		return nil, err
	}
	return func() error {
		if !a.followers.has(pipeline) { // the project is stopping
			return nil
		}
		return a.runner.Follow(context.WithoutCancel(ctx), pipeline)
	}, nil
}
