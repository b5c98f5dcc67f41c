// The progress of runs whose steps any process executes: it is read from the catalog whenever their records change.

package app

import (
	"context"
	"sync"

	"bursar/internal/catalog"
	"bursar/internal/reconcile/query"
	"bursar/internal/reconcile/runs"
)

// watchProgress calls notify with the progress of pipelines, one call at a time, until stop. A process with exclusive use of the project
// executes the steps itself: it reports each of them as it begins and ends.
func (a *App) watchProgress(ctx context.Context, pipelines []string, notify func(Progress)) (stop func()) {
	changes, watchable := a.Engine.Catalog.(catalog.Watcher)
	if notify == nil || !watchable || !a.runner.IsShared() {
		return a.watchers.add(pipelines, notify)
	}
	ctx, cancel := context.WithCancel(ctx)
	var mu sync.Mutex
	var group sync.WaitGroup
	for _, pipeline := range pipelines {
		changed := runs.Watch(ctx, changes, pipeline)
		group.Go(func() {
			for {
				select {
				case <-changed:
				case <-ctx.Done():
					return
				}
				s, err := a.Queries.PipelineStatus(ctx, pipeline)
				if err != nil { // the next change is reported, and errors of runs come otherwise
					continue
				}
				mu.Lock()
				notify(progressOf(&s))
				mu.Unlock()
			}
		})
	}
	return func() {
		cancel()
		group.Wait()
	}
}

// progressOf returns the progress of the oldest run in flight or, if there is none, of the last one.
func progressOf(s *query.Status) Progress {
	p := Progress{Pipeline: s.Pipeline, Run: s.Runs, Step: runs.StepPublish, Done: true, Backlog: s.BacklogEvents}
	if len(s.Lanes) > 0 {
		p.Run, p.Step, p.Done, p.Events = s.Lanes[0].Run, s.Lanes[0].Step, false, s.Lanes[0].Events
	}
	return p
}
