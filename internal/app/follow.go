// Pipelines that work off every batch as it is sealed: their workflows stay, and are told of new batches.

package app

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// A pipeline that could not be woken for a batch is woken again after wakeRetry, and later each time, up to longestWakeRetry.
	minWakeRetry, maxWakeRetry = time.Second, time.Minute
	// pauseTimeout bounds how long the steps under way of a pipeline may take to end.
	pauseTimeout = 30 * time.Second
)

// followers are the pipelines that stay at work. The zero value has none.
type followers struct {
	mu    sync.Mutex
	wakes map[string]chan struct{}
}

// wake tells a pipeline that a batch was sealed, in a moment: who seals does not wait for it.
func (f *followers) wake(pipeline string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case f.wakes[pipeline] <- struct{}{}:
	default: // it is about to look, or does not follow
	}
}

func (f *followers) add(pipeline string) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.wakes == nil {
		f.wakes = map[string]chan struct{}{}
	}
	f.wakes[pipeline] = make(chan struct{}, 1)
	return f.wakes[pipeline]
}

func (f *followers) has(pipeline string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wakes[pipeline] != nil
}

func (f *followers) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wakes = nil
}

// startFollowers has every pipeline stay at work until stop, which awaits the steps under way.
func (a *App) startFollowers(ctx context.Context) (stop func() error, err error) {
	wakeCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var group sync.WaitGroup
	stop = func() error {
		cancel()
		group.Wait()
		a.followers.clear()
		return a.stopFollowers()
	}
	for _, p := range a.Project.Pipelines {
		if err := a.runner.Follow(ctx, p.Name); err != nil {
			return stop, err
		}
		wakes := a.followers.add(p.Name)
		group.Go(func() { a.forwardWakes(wakeCtx, p.Name, wakes) })
	}
	return stop, nil
}

// forwardWakes tells a pipeline's workflow of each batch that was sealed.
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
		a.log.Warn("a pipeline does not hear of a batch yet", "pipeline", pipeline, "error", err)
		time.AfterFunc(wait, func() { a.followers.wake(pipeline) })
		wait = min(2*wait, maxWakeRetry)
	}
}

func (a *App) stopFollowers() (all error) {
	ctx, cancel := context.WithTimeout(context.Background(), pauseTimeout)
	defer cancel()
	var mu sync.Mutex
	var group sync.WaitGroup
	for _, p := range a.Project.Pipelines {
		group.Go(func() {
			err := a.runner.Unfollow(ctx, p.Name)
			mu.Lock()
			defer mu.Unlock()
			all = errors.Join(all, err)
		})
	}
	group.Wait()
	return all
}

// pause keeps a pipeline that follows from working until resume, which looks at what has come meanwhile.
func (a *App) pause(ctx context.Context, pipeline string) (resume func() error, err error) {
	if !a.followers.has(pipeline) {
		return func() error { return nil }, nil
	}
	if err := a.runner.Unfollow(ctx, pipeline); err != nil {
		return nil, err
	}
	return func() error {
		if !a.followers.has(pipeline) { // the project goes down
			return nil
		}
		return a.runner.Follow(context.WithoutCancel(ctx), pipeline)
	}, nil
}
