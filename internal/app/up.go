// `bursar up`: runs the whole project in one process, with long-running workflows, live intake, the inbox and the HTTP API.

package app

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/imported"
	"bursar/internal/event/intake"
	"bursar/internal/inbox"
	"bursar/internal/job/record"
	"bursar/internal/project"
	"bursar/internal/reconcile/query"
	"bursar/internal/reconcile/runs"
	"bursar/internal/role"
	"bursar/internal/serve"
	"bursar/internal/temporal"
)

const (
	// requestGrace is how long running requests may take to end when `up` stops, before they are cancelled.
	requestGrace = 10 * time.Second
	// cancelGrace is how long cancelled requests may take to end.
	cancelGrace = 20 * time.Second
)

// Hooks are called while the project is up. Each may be nil, is called from several goroutines, and must not block.
type Hooks struct {
	OnSealed    func(intake.Result)
	OnPublished func(runs.Run)
	OnFailed    func(pipeline string, err error) // a step of a run failed; it may be retried
	OnRefreshed func(*account.Account)           // a refresh of an account has ended
	OnSlot      func(record.Slot)                // a slot has failed, is blocked, or is late; one that is late may be open
}

// UpOptions are the options of Up.
type UpOptions struct {
	Listen   string         // address of the HTTP API; empty means the project's port on loopback
	Commands serve.Commands // runs the commands of other processes
	Ready    func(Up)       // called once everything serves
	Hooks    Hooks

	// The rest is for projects that several processes share.
	Roles       []role.Role // of this process; empty means all
	PeerAddress string      // HOST:PORT at which other processes reach this one; empty: where its connection to the database begins
	Worker      bool        // it has no inbox
}

// Up describes how to reach a running project.
type Up struct {
	Address     string                `json:"address,omitempty"` // of the HTTP API, host:port
	TokenFile   string                `json:"token_file,omitempty"`
	Inbox       string                `json:"inbox,omitempty"` // its subfolders receive files for streams
	Temporal    string                `json:"temporal"`
	TemporalTLS *temporal.ClientFiles `json:"temporal_tls,omitempty"` // of the embedded server, for Temporal's CLI and UI
	Process     int                   `json:"process"`
	Loopback    bool                  `json:"loopback"`            // whether only this machine reaches the API
	Warehouse   string                `json:"warehouse,omitempty"` // where clients of PostgreSQL reach the warehouse, host:port
	Jobs        []string              `json:"jobs,omitempty"`      // whose slots this process executes

	ID    string      `json:"id,omitempty"`    // of this process among those that share the project
	Roles []role.Role `json:"roles,omitempty"` // of this process, if several share the project
	Peers string      `json:"peers,omitempty"` // where other processes reach this one, host:port
}

// Up starts all services of the project and runs until ctx ends. Then it waits for running requests, seals open batches and
// pauses the workflows. The state stays open until Close. It ends with an error when another process has taken the project over.
func (a *App) Up(ctx context.Context, o UpOptions) (err error) {
	if a.IsShared() {
		return a.upShared(ctx, o)
	}
	ctx, end := a.whileOwned(ctx)
	defer func() { err = end(err) }()
	token, err := serve.Token(a.state)
	if err != nil {
		return err
	}
	l, err := a.listen(ctx, o.Listen)
	if err != nil {
		return err
	}
	defer l.close()
	if err := a.StartTemporal(ctx); err != nil {
		return err
	}
	server := a.newServer(token, l.api, o)
	a.SetCommands(o.Commands)
	stop, err := startAll(ctx, a.startPublishing, a.startScheduling, a.startJobs, a.startFollowers, a.startLiveIntake, a.startAggregation, a.watchInbox)
	defer func() { err = errors.Join(err, stop()) }()
	if err != nil {
		return err
	}
	up := Up{
		Address: l.api.Addr().String(), TokenFile: serve.TokenFile(a.state), Inbox: a.inbox(),
		Temporal: a.temporal.Address(), Process: os.Getpid(), Jobs: a.jobNames(), Loopback: serve.OnLoopback(l.api), Warehouse: l.warehouse.address(),
	}
	if a.Project.Config.Temporal.Kind != project.TemporalCluster {
		files := temporal.TLSFiles(a.state)
		up.TemporalTLS = &files
	}
	return a.serveUntil(ctx, server, l, func() { o.Ready(up) })
}

// newServer returns the server of the HTTP API, whose listener is api, and sets the hooks.
func (a *App) newServer(token string, api net.Listener, o UpOptions) *serve.Server {
	server := serve.New(serve.Options{
		Project: &served{a.Queries, a}, Commands: o.Commands, AcceptOwned: a.acceptOwned,
		Token: token, FindToken: a.Tokens.Find, Loopback: api == nil || serve.OnLoopback(api), Log: a.log, Counters: a.cacheCounters(), Sums: a.jobSums(),
		Backends: a.probes(),
	})
	a.hooks = o.Hooks
	a.hooks.OnPublished = func(r runs.Run) {
		server.Published(r.Pipeline)
		if o.Hooks.OnPublished != nil {
			o.Hooks.OnPublished(r)
		}
	}
	return server
}

// service is something that works until stop, which is never nil.
type service func(context.Context) (stop func() error, err error)

// startAll starts services. stop, which is never nil, stops them in reverse order: followers that are started first see the last batch that is
// sealed.
func startAll(ctx context.Context, services ...service) (stop func() error, err error) {
	var stops []func() error
	stop = func() (all error) {
		for i := len(stops) - 1; i >= 0; i-- {
			all = errors.Join(all, stops[i]())
		}
		return all
	}
	for _, start := range services {
		ended, err := start(ctx)
		stops = append(stops, ended)
		if err != nil {
			return stop, err
		}
	}
	return stop, nil
}

type listeners struct {
	api, commands net.Listener
	warehouse     endpoint
}

func (a *App) listen(ctx context.Context, address string) (l listeners, err error) {
	if l.api, err = serve.Listen(ctx, a.state, address); err != nil {
		return l, err
	}
	if l.commands, err = serve.ListenCommands(ctx, a.state); err != nil {
		return l, errors.Join(err, l.api.Close())
	}
	if l.warehouse, err = a.listenWarehouse(ctx); err != nil {
		l.close()
	}
	return l, err
}

// close closes the listeners. A server that has used one has closed it already.
func (l listeners) close() {
	_ = l.api.Close()
	_ = l.commands.Close()
	l.warehouse.close()
}

// serveUntil answers requests until ctx ends or a listener fails.
func (a *App) serveUntil(ctx context.Context, server *serve.Server, l listeners, ready func()) error {
	failed := make(chan error, 3)
	go func() { failed <- server.Serve(l.api) }()
	go func() { failed <- server.ServeCommands(l.commands) }()
	stopWarehouse := l.warehouse.start(failed)
	withdraw, err := serve.Announce(a.state, serve.Endpoint{Address: l.api.Addr().String(), Process: os.Getpid()})
	if err != nil {
		stopWarehouse()
		return errors.Join(err, server.Stop(0, cancelGrace))
	}
	ready()
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	// The endpoint is withdrawn first, so that new commands wait for the project instead of being refused.
	err = errors.Join(err, withdraw())
	var group sync.WaitGroup
	group.Go(stopWarehouse) // beside the requests, so that both have the same time
	err = errors.Join(err, server.Stop(requestGrace, cancelGrace))
	group.Wait()
	return err
}

// batchSealed calls the hook for a sealed batch, and wakes the pipelines that read its stream.
func (a *App) batchSealed(r intake.Result) {
	if a.hooks.OnSealed != nil {
		a.hooks.OnSealed(r)
	}
	a.wakeFollowers(r.Stream)
}

// wakeFollowers wakes the pipelines that read a stream, so that they include its new batches.
func (a *App) wakeFollowers(stream string) {
	for _, p := range a.Project.Pipelines {
		if p.Folds(stream) {
			a.followers.wake(p.Name)
		}
	}
}

// reportStep ends the runs if the disk is full, and calls the hooks for a step that has ended.
func (w observedSteps) reportStep(ctx context.Context, ref runs.Ref, step runs.StepName, err error) {
	if isDiskFull(err) {
		w.disk.reportError(err)
	}
	switch {
	case err != nil && ctx.Err() == nil && w.hooks.OnFailed != nil && !temporal.IsDeclined(err): // which is logged once
		w.hooks.OnFailed(ref.Pipeline, err)
	case err == nil && step == runs.StepPublish && w.hooks.OnPublished != nil:
		g, err := w.Queries.Current(ctx, ref.Pipeline)
		if err == nil && g.Generation != ref.Generation { // runs of a rebuild are not visible before the switch
			return
		}
		run, err := runs.Find(ctx, w.Engine.Catalog, ref)
		if err != nil {
			w.log.Warn("cannot report a published run", "pipeline", ref.Pipeline, "run", ref.Run, "error", err)
			return
		}
		w.hooks.OnPublished(run)
	}
}

func (a *App) inbox() string { return filepath.Join(filepath.Dir(a.state), "inbox") }

// watchInbox processes files as they arrive in the inbox, until stop is called.
func (a *App) watchInbox(ctx context.Context) (stop func() error, err error) {
	acceptsStatements := a.Project.Shadowing() == nil
	o := inbox.Options{Dir: a.inbox(), Log: a.log, Ingest: func(ctx context.Context, stream string, paths []string) error {
		if stream == project.StatementStream && acceptsStatements {
			return a.keepFile(a.importInbox(ctx, paths))
		}
		_, err := a.Ingest(ctx, stream, paths, intake.Options{})
		return a.keepFile(err)
	}}
	if acceptsStatements {
		o.Streams = append(o.Streams, project.StatementStream)
	}
	for _, s := range a.Project.Streams {
		o.Streams = append(o.Streams, s.Name)
	}
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() { inbox.Watch(ctx, o) })
	return func() error {
		cancel()
		group.Wait()
		return nil
	}, nil
}

// served is the project as the HTTP API serves it. It refuses figures, with serve.ConflictError, while the retraction of a statement file is
// not complete: they may include only some of what the file lists.
type served struct {
	*query.Reader
	*App
}

// Get returns an artifact.
func (q *served) Get(ctx context.Context, pipeline, key string, asOf uint64, history bool) (query.GetResult, error) {
	if err := q.check(ctx, pipeline); err != nil {
		return query.GetResult{}, err
	}
	return q.Reader.Get(ctx, pipeline, key, asOf, history)
}

// Exceptions calls each for every exception of a pipeline.
func (q *served) Exceptions(ctx context.Context, pipeline string, each func(query.Exception) error) error {
	if err := q.check(ctx, pipeline); err != nil {
		return err
	}
	return q.Reader.Exceptions(ctx, pipeline, nil, each)
}

// check returns an error for a pipeline that folds statements while a retraction is not complete.
func (q *served) check(ctx context.Context, pipeline string) error {
	p := q.Project.Pipeline(pipeline)
	if p == nil || !slices.ContainsFunc(project.BuiltinStreams, p.Folds) {
		return nil
	}
	err := q.CheckRetractions(ctx)
	if errors.As(err, new(*imported.UnfinishedError)) {
		return &serve.ConflictError{Err: err}
	}
	return err
}
