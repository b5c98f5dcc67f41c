// Aggregation: the workers and the workflow of this process, which refresh accounts when they are due.

package app

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"bursar/internal/aggregate"
	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/connector/cursor"
	"bursar/internal/aggregate/connector/files"
	"bursar/internal/aggregate/connector/ofx"
	"bursar/internal/aggregate/connector/simplefin"
	"bursar/internal/aggregate/connector/singer"
	"bursar/internal/aggregate/flow"
	"bursar/internal/aggregate/limit"
	"bursar/internal/aggregate/refresh"
	"bursar/internal/event/live"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/vault"
)

// aggregation is what this process needs to refresh accounts. The zero value is ready.
type aggregation struct {
	works     bool            // this process has workers; a.starting guards it
	scheduler *flow.Scheduler // of a process that follows what is due; nil otherwise

	beginning sync.Mutex // held while a command has this process refresh accounts

	once      sync.Once
	refresher *refresh.Refresher

	mu       sync.Mutex
	breakers map[string]account.Breaker // to record, by institution
	writing  bool
}

// connectors are the kinds of connectors.
func connectors() map[string]connector.Connector {
	return map[string]connector.Connector{
		project.SimpleFINConnector: simplefin.Connector{},
		project.OFXConnector:       ofx.Connector{},
		project.CursorConnector:    cursor.Connector{},
		project.FilesConnector:     files.Connector{},
		project.ExecConnector:      singer.Connector{},
	}
}

// Accounts returns the records of accounts.
func (a *App) Accounts() *account.Accounts {
	return &account.Accounts{Catalog: a.catalog, Now: time.Now}
}

// importInterval is the time between two imports of fetched files: each makes a batch of every built-in stream, which costs more than its rows.
const importInterval = time.Second

// refresher returns what refreshes accounts.
func (a *App) refresher() *refresh.Refresher {
	g := &a.aggregation
	g.once.Do(func() {
		references := vault.NewReferences(a.Project.Dir, vault.ProcessEnvironment())
		g.refresher = &refresh.Refresher{
			Project: a.Project, Accounts: a.Accounts(), Catalog: a.catalog, Objects: a.Engine.Objects, Connectors: connectors(),
			Pool:    &limit.Pool{Process: a.workerName(), Lease: a.leaseInstitution, OnBreaker: a.noteBreaker},
			Scratch: a.Events.Scratch, Now: time.Now, Log: a.log,
			Resolve: references.Resolve, Decrypt: references.Decrypt,
			Import: a.importFetched, ImportInterval: importInterval, Accept: a.acceptFetched, OnEnd: a.refreshed,
		}
	})
	return g.refresher
}

// refreshed reports the end of a refresh.
func (a *App) refreshed(one *account.Account) {
	if one.Outcome != account.Complete {
		args := []any{"account", one.String(), "class", one.Class, "reason", one.Reason}
		if !one.Next.IsZero() {
			args = append(args, "next", one.Next)
		}
		a.log.Warn("an account could not be refreshed", args...)
	}
	if a.hooks.OnRefreshed != nil {
		a.hooks.OnRefreshed(one)
	}
}

// refreshStarter connects to Temporal, and returns what starts the workflows of accounts.
func (a *App) refreshStarter(ctx context.Context) (flow.Starter, error) {
	c, err := a.TemporalClient(ctx)
	return flow.Starter{Client: c, Project: a.id}, err
}

// leaseInstitution asks for this process's part of an institution's limits.
func (a *App) leaseInstitution(ctx context.Context, institution string, ask limit.Ask) (limit.Part, error) {
	starter, err := a.refreshStarter(ctx)
	if err != nil {
		return limit.Part{}, err
	}
	return starter.Lease(ctx, institution, ask)
}

// noteBreaker records the breaker of an institution, the last one if several changes come together.
func (a *App) noteBreaker(institution string, b limit.Breaker, last error) {
	record := account.Breaker{State: string(b.State), Until: b.Until, Failures: b.Failures}
	if last != nil {
		record.Cause = last.Error()
	}
	a.log.Warn("the circuit breaker of an institution has changed", "institution", institution, "state", breakerName(b.State), "until", b.Until, "error", last)
	g := &a.aggregation
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.breakers == nil {
		g.breakers = map[string]account.Breaker{}
	}
	g.breakers[institution] = record
	if !g.writing {
		g.writing = true
		go a.writeBreakers()
	}
}

func breakerName(s limit.BreakerState) string {
	if s == limit.Closed {
		return "closed"
	}
	return string(s)
}

// breakerTimeout bounds the recording of a breaker.
const breakerTimeout = 10 * time.Second

func (a *App) writeBreakers() {
	g := &a.aggregation
	for {
		g.mu.Lock()
		list := g.breakers
		g.breakers = nil
		if g.writing = len(list) > 0; !g.writing {
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
		for institution, b := range list {
			ctx, cancel := context.WithTimeout(context.Background(), breakerTimeout)
			if err := a.Accounts().SetBreaker(ctx, institution, b); err != nil {
				a.log.Warn("cannot record the circuit breaker of an institution", "institution", institution, "error", err)
			}
			cancel()
		}
	}
}

// importFetched imports statement files that were fetched.
func (a *App) importFetched(ctx context.Context, institution string, files []string) (refused []string, err error) {
	r, err := a.Import(ctx, files, aggregate.Options{Institution: institution})
	if err != nil {
		return nil, err
	}
	if r.NotCancelled != "" {
		a.log.Warn("fetched statements leave entries that no statement lists any more", "reason", r.NotCancelled)
	}
	refused = make([]string, len(files))
	for i, f := range r.Files {
		one := aggregate.Result{Files: []*aggregate.File{f}}
		if err := one.Refused(); err != nil {
			refused[i] = err.Error()
		}
	}
	return refused, nil
}

// acceptAttempts is how often events are offered to a stream that is busy.
const acceptAttempts = 5

// acceptFetched stores events that were fetched.
func (a *App) acceptFetched(ctx context.Context, stream string, lines []byte) (quarantined int64, reason string, err error) {
	backoff := failure.Backoff{Least: 100 * time.Millisecond, Most: 2 * time.Second}
	for attempt := 1; ; attempt++ {
		answer, err := a.accept(ctx, stream, live.Request{Body: lines})
		switch {
		case err == nil:
			if len(answer.Rejected) > 0 {
				reason = answer.Rejected[0].Reason
			}
			if rows := int64(bytes.Count(lines, []byte("\n"))); answer.Rows != rows {
				err = fmt.Errorf("stream %s answers for %d of %d events", stream, answer.Rows, rows)
			}
			return answer.Quarantined, reason, err
		case attempt == acceptAttempts || !failure.Of(err).Retryable() || ctx.Err() != nil:
			return 0, "", err
		}
		pause(ctx, backoff.After(attempt))
	}
}

// giveBackTimeout bounds the time in which a process that ends gives back its parts of what institutions allow.
const giveBackTimeout = 2 * time.Second

// startRefreshWorkers starts the workers of the role aggregate, until stop, which is never nil. It does nothing if this process has them.
func (a *App) startRefreshWorkers(ctx context.Context) (stop func() error, err error) {
	stop = func() error { return nil }
	starter, err := a.refreshStarter(ctx)
	if err != nil {
		return stop, err
	}
	refresher := a.refresher()
	a.starting.Lock()
	defer a.starting.Unlock()
	if a.aggregation.works {
		return stop, nil
	}
	workers := flow.NewWorkers(starter, refreshSteps{a, refresher})
	if err := workers.Start(); err != nil {
		return stop, fmt.Errorf("start the workers of accounts: %w", err)
	}
	a.aggregation.works = true
	return func() error {
		workers.Stop(func() {
			ctx, cancel := context.WithTimeout(context.Background(), giveBackTimeout)
			defer cancel()
			refresher.Pool.Release(ctx)
		})
		refresher.Close()
		a.starting.Lock()
		defer a.starting.Unlock()
		a.aggregation.works = false
		return nil
	}, nil
}

// startAggregation refreshes accounts when they are due, until stop. It does nothing if no institution has a connector.
func (a *App) startAggregation(ctx context.Context) (stop func() error, err error) {
	stop = func() error { return nil }
	if !a.Project.HasConnectors() {
		return stop, nil
	}
	stopWorkers, err := a.startRefreshWorkers(ctx)
	if err != nil {
		return stopWorkers, err
	}
	starter, err := a.refreshStarter(ctx)
	if err == nil {
		err = a.resumeRefreshes(ctx, starter, time.Now())
	}
	if err != nil {
		return stopWorkers, err
	}
	resume := func(ctx context.Context) { a.resumeRegularly(ctx, starter) }
	return a.follow(ctx, flow.NewScheduler, &a.aggregation.scheduler, resume, stopWorkers)
}

// resumeInterval is the time between two looks for refreshes whose workflow was lost.
const resumeInterval = 5 * time.Minute

// resumeRegularly starts the workflows of refreshes again that have not gone on for a while, until ctx ends.
func (a *App) resumeRegularly(ctx context.Context, starter flow.Starter) {
	for pause(ctx, resumeInterval); ctx.Err() == nil; pause(ctx, resumeInterval) {
		if err := a.resumeRefreshes(ctx, starter, time.Now().Add(-resumeInterval)); err != nil && ctx.Err() == nil {
			a.log.Warn("cannot look for refreshes whose workflow was lost; trying again in five minutes", "error", err)
		}
	}
}

// resumeRefreshes starts the workflows of refreshes that have begun and not ended, and are as they are since a time, in case they were lost. Those that
// run stay as they are.
func (a *App) resumeRefreshes(ctx context.Context, starter flow.Starter, since time.Time) error {
	return a.Accounts().Each(ctx, "", func(one *account.Account) error {
		if !one.Running || one.Since.After(since) {
			return nil
		}
		return resumeRefresh(ctx, starter, one)
	})
}
