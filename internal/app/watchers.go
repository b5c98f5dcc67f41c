// Subscribers to the progress of runs; several commands of one process may subscribe at once.

package app

import (
	"slices"
	"sync"
)

// watchers receive the progress of runs, one call at a time. The zero value is ready.
type watchers struct {
	mu  sync.Mutex
	all map[*watcher]bool
}

type watcher struct {
	pipelines []string
	notify    func(Progress)
}

// add calls notify with the progress of the pipelines until remove is called. A nil notify is ignored.
func (w *watchers) add(pipelines []string, notify func(Progress)) (remove func()) {
	if notify == nil {
		return func() {}
	}
	added := &watcher{pipelines, notify}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[*watcher]bool{}
	}
	w.all[added] = true
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.all, added)
	}
}

func (w *watchers) isWatched(pipeline string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for one := range w.all {
		if slices.Contains(one.pipelines, pipeline) {
			return true
		}
	}
	return false
}

func (w *watchers) notify(p Progress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for one := range w.all {
		if slices.Contains(one.pipelines, p.Pipeline) {
			one.notify(p)
		}
	}
}
