// Several commands at once in one process: who waits for whom, and who is told of what.

package app

import (
	"context"
	"slices"
	"sync"
)

// doors let one goroutine at a time into each of what they are named by. The zero value is ready.
type doors struct{ all sync.Map }

// enter waits until nobody else is inside; leave lets the next one in.
func (d *doors) enter(ctx context.Context, name string) (leave func(), err error) {
	made, _ := d.all.LoadOrStore(name, make(chan struct{}, 1))
	door := made.(chan struct{}) //nolint:errcheck // nothing else is stored
	select {
	case door <- struct{}{}:
		return func() { <-door }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// watchers are told of the progress of runs, one call at a time. The zero value is ready.
type watchers struct {
	mu  sync.Mutex
	all map[*watcher]bool
}

type watcher struct {
	pipelines []string
	tell      func(Progress)
}

// add has tell called for the pipelines until remove; a nil one is not called.
func (w *watchers) add(pipelines []string, tell func(Progress)) (remove func()) {
	if tell == nil {
		return func() {}
	}
	one := &watcher{pipelines, tell}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[*watcher]bool{}
	}
	w.all[one] = true
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.all, one)
	}
}

func (w *watchers) watched(pipeline string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for one := range w.all {
		if slices.Contains(one.pipelines, pipeline) {
			return true
		}
	}
	return false
}

func (w *watchers) tell(p Progress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for one := range w.all {
		if slices.Contains(one.pipelines, p.Pipeline) {
			one.tell(p)
		}
	}
}
