// Keeps a workflow running, and notifies it.

package backlog

import (
	"context"
	"fmt"
	"sync"
	"time"

	"bursar/internal/temporal"
)

const (
	// wakeTimeout bounds one call that wakes a workflow: Unfollow waits for it.
	wakeTimeout = 10 * time.Second
	// A workflow that has ended is restarted after firstRestart, later each time, up to maxRestart. One that has run for that
	// long counts as healthy.
	firstRestart, maxRestart = time.Second, time.Minute
)

// Follow makes a workflow stay and work off its backlog whenever it is woken, until the process ends or Unfollow. A workflow that is
// terminated, cancelled or fails is restarted. A workflow that is shared stays for good.
func (r *Runner[In, R]) Follow(ctx context.Context, w Workflow[In]) error {
	unlock, err := r.workflows.Lock(ctx, w.ID)
	if err != nil {
		return err
	}
	defer unlock()
	if err := r.startFollowing(ctx, &w); err != nil {
		return fmt.Errorf("follow %s: %w", w.ID, temporal.FromTemporal(err))
	}
	restartCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	var restarts sync.WaitGroup
	restarts.Go(func() { r.restartLoop(restartCtx, w) })
	r.mu.Lock()
	r.following[w.ID] = func() { stop(); restarts.Wait() }
	r.mu.Unlock()
	return nil
}

func (r *Runner[In, R]) startFollowing(ctx context.Context, w *Workflow[In]) error {
	if err := temporal.CheckProject(ctx, r.client, w.ID, w.Project); err != nil {
		return err
	}
	if r.shared {
		return r.signal(ctx, w, r.kind.Names.Follow, true)
	}
	_, err := r.client.ExecuteWorkflow(ctx, r.replaceExistingOptions(w), r.kind.Function, w.Input(true))
	return err
}

// signal signals a workflow, and starts it if it has ended.
func (r *Runner[In, R]) signal(ctx context.Context, w *Workflow[In], name string, follow bool) error {
	_, err := r.client.SignalWithStartWorkflow(ctx, w.ID, name, nil, r.useExistingOptions(w), r.kind.Function, w.Input(follow))
	return err
}

// Unfollow ends a followed workflow and awaits the steps under way. A workflow that is shared is only no longer restarted by this
// process.
func (r *Runner[In, R]) Unfollow(ctx context.Context, id string) error {
	unlock, err := r.workflows.Lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	r.mu.Lock() // after this the workflow is not restarted
	stopRestarts := r.following[id]
	delete(r.following, id)
	r.mu.Unlock()
	if stopRestarts == nil {
		return nil
	}
	stopRestarts()
	if r.shared {
		return nil
	}
	return r.end(ctx, id)
}

// Wake notifies a workflow that there may be more to do. If the workflow has ended it is started. With exclusive use only workflows that
// are followed are notified.
func (r *Runner[In, R]) Wake(ctx context.Context, w Workflow[In]) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	follows := r.following[w.ID] != nil
	if !follows && !r.shared {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, wakeTimeout)
	defer cancel()
	name := r.kind.Names.Wake
	if follows && r.shared { // it is not known whether whoever started the workflow follows
		name = r.kind.Names.Follow
	}
	if err := r.signal(ctx, &w, name, follows); err != nil {
		return fmt.Errorf("wake %s: %w", w.ID, temporal.FromTemporal(err))
	}
	return nil
}

// restartLoop restarts the workflow whenever it has ended, until ctx is done.
func (r *Runner[In, R]) restartLoop(ctx context.Context, w Workflow[In]) {
	wait := firstRestart
	for {
		healthy, cancel := context.WithTimeout(ctx, maxRestart)
		ended := r.client.GetWorkflow(ctx, w.ID, "").Get(ctx, nil)
		if healthy.Err() != nil {
			wait = firstRestart
		}
		cancel()
		if ctx.Err() != nil {
			return
		}
		if temporal.HasEnded(ended) {
			err := r.Wake(ctx, w)
			if ctx.Err() != nil {
				return
			}
			if !temporal.IsOutage(err) || r.warnings.Pass(w.ID) {
				r.log.Warn("a workflow has ended; restarting", "workflow", w.ID, "ended", temporal.FromTemporal(ended), "error", err)
			}
		}
		pause, cancel := context.WithTimeout(ctx, wait)
		<-pause.Done()
		cancel()
		wait = min(2*wait, maxRestart)
	}
}

func (r *Runner[In, R]) follows(id string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.following[id] != nil
}
