// Publishing into the warehouse: the worker and the workflow of this process, which follows what is sealed and published.

package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/reconcile/runs"
	"bursar/internal/warehouse/flow"
	"bursar/internal/warehouse/publish"
)

// publishing is what this process has to publish. The zero value is ready.
type publishing struct {
	runner  *flow.Runner // nil until it is needed
	works   bool         // this process has a worker
	follows atomic.Bool  // nobody waits for the errors of tables

	looks    lookSignal
	watchers publishWatchers
	failed   sync.Map         // from a table to its last error; "" is the whole warehouse
	warnings failure.Warnings // by table
}

// lastError returns the error of the last attempt at a table; nil if it has succeeded, or there was none.
func (p *publishing) lastError(table string) error {
	value, _ := p.failed.Load(table)
	err, _ := value.(error)
	return err
}

// publishRunner connects to Temporal and returns the runner.
func (a *App) publishRunner(ctx context.Context) (*flow.Runner, error) {
	a.starting.Lock()
	defer a.starting.Unlock()
	if a.publishing.runner != nil {
		return a.publishing.runner, nil
	}
	connection, err := a.connectTemporal(ctx)
	if err != nil {
		return nil, err
	}
	a.publishing.runner = flow.NewRunner(connection.Client(), a.id, a.IsShared(), a.log)
	return a.publishing.runner, nil
}

// startPublisher starts the worker of the role warehouse, until stop, which is never nil. It does nothing if this process has one.
func (a *App) startPublisher(ctx context.Context) (stop func() error, err error) {
	stop = func() error { return nil }
	a.starting.Lock()
	defer a.starting.Unlock()
	if a.publishing.works {
		return stop, nil
	}
	tables, err := a.Publisher(ctx)
	if err != nil {
		return stop, err
	}
	timeout := flow.StopTimeout
	if a.shared.serves {
		timeout = flow.SharedStopTimeout
	}
	worker := flow.NewWorker(a.temporal.Client(), observedTables{a, tables}, observedSchedule{a}, timeout, a.id)
	if err := worker.Start(); err != nil {
		return stop, fmt.Errorf("start the worker of the warehouse: %w", err)
	}
	a.publishing.works = true
	return func() error {
		worker.Stop()
		a.starting.Lock()
		defer a.starting.Unlock()
		a.publishing.works = false
		return nil
	}, nil
}

// startPublishing publishes everything as it is sealed and published, until stop. It does nothing if the project has no warehouse. Whether
// the warehouse can be reached does not matter here.
func (a *App) startPublishing(ctx context.Context) (stop func() error, err error) {
	stop = func() error { return nil }
	if !a.hasWarehouse() {
		return stop, nil
	}
	runner, err := a.publishRunner(ctx)
	if err != nil {
		return stop, err
	}
	a.publishing.follows.Store(true)
	stopWorker, err := a.startPublisher(ctx)
	if err != nil {
		return stopWorker, err
	}
	wakeCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var group sync.WaitGroup
	stop = func() error {
		cancel()
		group.Wait()
		pausing, cancel := context.WithTimeout(context.Background(), pauseTimeout)
		defer cancel()
		return errors.Join(runner.Unfollow(pausing), stopWorker())
	}
	if err := runner.Follow(ctx); err != nil {
		return stop, err
	}
	if changes, watchable := a.Engine.Catalog.(catalog.Watcher); watchable { // otherwise the workflow looks once a minute
		streams, pipelines := event.WatchAll(wakeCtx, changes), runs.WatchAll(wakeCtx, changes)
		group.Go(func() { a.wakePublishing(wakeCtx, runner.Wake, streams, pipelines) })
	}
	return stop, nil
}

// Between two wakes are at least minPublishWake. If no look at what is behind follows a wake, the workflow is busy, or in another process:
// then it grows up to maxPublishWake, so that a transaction of hours does not have a history of thousands of signals.
const minPublishWake, maxPublishWake = time.Second, time.Minute

// wakePublishing calls wake after changes, and again if it fails, until ctx is done.
func (a *App) wakePublishing(ctx context.Context, wake func(context.Context) error, streams, pipelines <-chan struct{}) {
	looks := a.publishing.looks.channel()
	wait := minPublishWake
	for failed := error(nil); ; {
		if failed == nil {
			select {
			case <-streams:
			case <-pipelines:
			case <-ctx.Done():
				return
			}
		}
		if ctx.Err() != nil {
			return // also if there was a change
		}
		select {
		case <-looks: // before the change
		default:
		}
		if failed = wake(ctx); failed != nil && ctx.Err() == nil && a.shared.warnings.Pass("wake warehouse") {
			a.log.Warn("cannot notify the workflow of the warehouse; retrying", "error", failed)
		}
		pause(ctx, minPublishWake)
		select {
		case <-looks:
			wait = minPublishWake
		case <-time.After(wait - minPublishWake):
			wait = min(2*wait, maxPublishWake)
		case <-ctx.Done():
			return
		}
	}
}

// pause waits for a while, or until ctx is done.
func pause(ctx context.Context, wait time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	<-ctx.Done()
}

// lookSignal signals that the workflow has looked at what is behind. The zero value is ready.
type lookSignal struct {
	once   sync.Once
	signal chan struct{}
}

func (l *lookSignal) channel() chan struct{} {
	l.once.Do(func() { l.signal = make(chan struct{}, 1) })
	return l.signal
}

func (l *lookSignal) looked() {
	select {
	case l.channel() <- struct{}{}:
	default: // nobody has noticed the look before
	}
}

// observedTables publishes the tables of the warehouse, and reports what happens.
type observedTables struct {
	*App
	publisher *publish.Publisher
}

// Behind lists the tables that lack something, and with refused those that cannot be published now.
func (o observedTables) Behind(ctx context.Context, refused bool) (behind []string, err error) {
	o.publishing.looks.looked()
	list, err := o.publisher.Status(ctx)
	o.reportTable(ctx, "", publish.Result{}, err)
	for i := range list {
		if list[i].Behind && (refused || list[i].Error == "") {
			behind = append(behind, list[i].Table)
		}
	}
	return behind, err
}

// Publish is Publisher.Publish, with its result reported.
func (o observedTables) Publish(ctx context.Context, table string) (publish.Result, error) {
	result, err := o.publisher.Publish(ctx, table)
	o.reportTable(ctx, table, result, err)
	return result, err
}

// Again is Publisher.Again, with its result reported.
func (o observedTables) Again(ctx context.Context, table string) (publish.Result, error) {
	result, err := o.publisher.Again(ctx, table)
	o.reportTable(ctx, table, result, err)
	return result, err
}

// reportTable remembers the error of a table for its status, and logs it once a minute unless a caller gets it.
func (o observedTables) reportTable(ctx context.Context, table string, result publish.Result, err error) {
	p := &o.publishing
	switch {
	case err == nil:
		p.failed.Delete(table)
		p.failed.Delete("") // the warehouse can be reached
		if table != "" {
			p.watchers.notify(result)
		}
	case ctx.Err() == nil:
		p.failed.Store(table, err)
		if (p.follows.Load() || failure.Of(err).Retryable()) && p.warnings.Pass(table) {
			o.log.Warn("cannot publish into the warehouse; trying again", "error", err)
		}
	}
}

// publishWatchers receive the results of published groups, one call at a time. The zero value is ready.
type publishWatchers struct {
	mu  sync.Mutex
	all map[*func(publish.Result)]bool
}

// add calls notify for each group until remove is called. A nil notify is ignored.
func (w *publishWatchers) add(notify func(publish.Result)) (remove func()) {
	if notify == nil {
		return func() {}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[*func(publish.Result)]bool{}
	}
	w.all[&notify] = true
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.all, &notify)
	}
}

func (w *publishWatchers) notify(result publish.Result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for notify := range w.all {
		(*notify)(result)
	}
}
