// Pipelines that work off every batch as it is sealed.

package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"bursar/internal/failure"
)

// followRetry is how long a pipeline waits after a run that failed in a way that may pass.
const followRetry = 5 * time.Second

// followers are the pipelines that stay at work. The zero value has none.
type followers struct {
	mu    sync.Mutex
	wakes map[string]chan struct{}
}

// wake tells a pipeline that a batch was sealed.
func (f *followers) wake(pipeline string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case f.wakes[pipeline] <- struct{}{}:
	default: // it looks anyway, or does not follow
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

// followAll has every pipeline stay at work until stop.
func (a *App) followAll(ctx context.Context) (stop func() error, err error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var group sync.WaitGroup
	for _, p := range a.Project.Pipelines {
		wakes := a.followers.add(p.Name)
		group.Go(func() { a.follow(ctx, p.Name, wakes) })
	}
	return func() error {
		cancel()
		group.Wait()
		return nil
	}, nil
}

// follow works a pipeline off whenever it is woken.
func (a *App) follow(ctx context.Context, pipeline string, wakes <-chan struct{}) {
	for ctx.Err() == nil {
		_, err := a.runOne(ctx, pipeline)
		again := make(<-chan time.Time)
		if err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled) {
			a.log.Error("pipeline stopped", "pipeline", pipeline, "class", failure.Of(err).String(), "error", err)
			if failure.Of(err).Retryable() {
				again = time.After(followRetry)
			}
		}
		select {
		case <-wakes:
		case <-again:
		case <-ctx.Done():
		}
	}
}

// pause keeps a pipeline from working until resume.
func (a *App) pause(context.Context, string) (resume func() error, err error) {
	return func() error { return nil }, nil
}
