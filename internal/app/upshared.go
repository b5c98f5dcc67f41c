// `bursar up` and `bursar worker` for a project that several processes share: each has some roles, and works until it is stopped or drained.

package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"bursar/internal/failure"
	"bursar/internal/reconcile/flow"
	"bursar/internal/role"
	"bursar/internal/serve"
)

// sharedProcess is this process while it works for a project that others share.
type sharedProcess struct {
	*App
	options UpOptions
	server  *serve.Server
	peers   net.Listener
	api     net.Listener // nil without the role api
	token   string
}

func (p *sharedProcess) has(r role.Role) bool { return slices.Contains(p.options.Roles, r) }

// upShared is Up for a project that several processes share.
func (a *App) upShared(ctx context.Context, o UpOptions) (err error) {
	if len(o.Roles) == 0 {
		o.Roles = role.All()
	}
	if err := a.checkDeclarations(ctx); err != nil {
		return err
	}
	p := &sharedProcess{App: a, options: o}
	a.shared.serves = true
	defer func() { p.closeListeners() }()
	if err := p.listen(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // it was stopped meanwhile
		}
		return err
	}
	if err := a.StartTemporal(ctx); err != nil {
		return err
	}
	p.server = a.newServer(p.token, p.api, o)
	a.SetCommands(o.Commands)
	a.shared.process.Roles, a.shared.process.Address = o.Roles, cmp.Or(o.PeerAddress, p.peers.Addr().String())
	if err := recordProcess(ctx, a.catalog, a.shared.process); err != nil {
		return err
	}
	return p.work(ctx)
}

// listen opens the listeners of the roles, and the client of other processes.
func (p *sharedProcess) listen(ctx context.Context) (err error) {
	if p.has(role.API) {
		if err := p.listenForClients(ctx); err != nil {
			return err
		}
	}
	if p.peers, err = p.listenForPeers(ctx); err != nil {
		return fmt.Errorf("listen for other processes: %w", err)
	}
	return p.startPeers()
}

// apiPoll is how often a process looks whether another one has chosen the address of its API.
const apiPoll = 50 * time.Millisecond

// listenForClients opens the listener of the API. Processes of a folder that start together choose its token and their ports in turn.
func (p *sharedProcess) listenForClients(ctx context.Context) (err error) {
	lock := flock.New(filepath.Join(p.state, "api.lock"), flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	if err == nil && !locked {
		p.log.Warn("waiting for another `bursar up` of this folder, which opens its API")
		_, err = lock.TryLockContext(ctx, apiPoll)
	}
	if err != nil {
		return fmt.Errorf("wait for the lock of the API: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if p.token, err = serve.Token(p.state); err == nil {
		p.api, err = serve.Listen(ctx, p.state, p.options.Listen)
	}
	return err
}

// listenForPeers listens at the address by which this machine reaches the database, which other machines reach as well, on any port. With an
// address of its own it listens on that port, whatever name the machine has there.
func (p *sharedProcess) listenForPeers(ctx context.Context) (net.Listener, error) {
	address := p.options.PeerAddress
	if address != "" {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, failure.Wrap(failure.Data, fmt.Errorf("%q is not an address: use --peer-address HOST:PORT, such as 10.0.0.7:7400", address))
		}
		address = ":" + port
	} else {
		host, err := p.shared.localHost(ctx)
		if err != nil {
			return nil, err
		}
		address = net.JoinHostPort(host, "0")
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("%w: stop the program that uses it, or set another port with --peer-address", err)
	}
	return l, failure.Wrap(failure.Data, err)
}

// startPeers makes the client with which requests are forwarded to other processes.
func (p *sharedProcess) startPeers() error {
	key, err := p.Events.Secret.Key()
	if err != nil {
		return err
	}
	config, err := serve.PeerTLS(key.PeerSeed())
	if err != nil {
		return err
	}
	p.shared.peerTLS, p.shared.peers = config, serve.NewPeerClient(config)
	p.closers = append(p.closers, func() error { p.shared.peers.Close(); return nil })
	return nil
}

// closeListeners closes the listeners. A server that has used one has closed it already.
func (p *sharedProcess) closeListeners() {
	for _, l := range []net.Listener{p.api, p.peers} {
		if l != nil {
			_ = l.Close()
		}
	}
}

// services returns what this process does until it is paused or stopped.
func (p *sharedProcess) services() (list []service) {
	if p.has(role.Warehouse) {
		list = append(list, p.startPublishing, p.startScheduling)
	}
	if p.has(role.Job) {
		list = append(list, p.startJobs)
	}
	if p.has(role.Reconcile) || p.has(role.Index) {
		list = append(list, p.executeSteps)
	}
	if p.has(role.Reconcile) {
		list = append(list, p.startFollowers)
	}
	if p.has(role.Intake) {
		list = append(list, p.ownStreams)
		if !p.options.Worker {
			list = append(list, p.watchInboxAlone)
		}
	}
	if p.has(role.Aggregate) {
		list = append(list, p.startAggregation)
	}
	return append(list, p.sweepRegularly)
}

// executeSteps executes steps of pipelines until stop is called. It takes no new ones then, and finishes those that it has.
func (p *sharedProcess) executeSteps(context.Context) (stop func() error, err error) {
	return p.startSteps(p.options.Roles, flow.SharedStopTimeout)
}

// inboxPoll is how often a process looks whether another one still watches the inbox.
const inboxPoll = 2 * time.Second

// watchInboxAlone watches the inbox, once no other process of this folder does.
func (p *sharedProcess) watchInboxAlone(ctx context.Context) (stop func() error, err error) {
	lock := flock.New(filepath.Join(p.state, "inbox.lock"), flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	if err != nil {
		return func() error { return nil }, fmt.Errorf("lock the inbox: %w", err)
	}
	if !locked {
		p.log.Warn("another process watches the inbox of this folder; this one waits until it ends")
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- p.watchLockedInbox(ctx, lock) }()
	return func() error {
		cancel()
		return errors.Join(<-ended, lock.Close())
	}, nil
}

// watchLockedInbox waits for the lock, and watches the inbox until ctx ends.
func (p *sharedProcess) watchLockedInbox(ctx context.Context, lock *flock.Flock) error {
	if locked, err := lock.TryLockContext(ctx, inboxPoll); !locked {
		if ctx.Err() != nil {
			err = nil // it stops before it got the lock
		}
		return err
	}
	stop, err := p.watchInbox(ctx)
	if err != nil {
		return err
	}
	<-ctx.Done()
	return stop()
}

// errDrained ends a process that a person has asked to finish its work.
var errDrained = errors.New("the process was drained")

// work serves and executes until ctx ends, a listener fails, or the process is drained.
func (p *sharedProcess) work(ctx context.Context) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	failed := make(chan error, 2)
	go func() { failed <- p.server.ServePeers(p.peers, p.shared.peerTLS) }()
	if p.api != nil {
		go func() { failed <- p.server.Serve(p.api) }()
	}
	s := &switchable{services: p.services()}
	if err := s.set(ctx, true); err != nil {
		return errors.Join(err, p.server.Stop(0, cancelGrace))
	}
	obeyed := make(chan struct{})
	go func() { defer close(obeyed); p.obey(ctx, s, cancel) }()
	p.options.Ready(p.describe())
	select {
	case <-ctx.Done():
	case err = <-failed:
	case <-p.shared.lost:
		err = errClaimed
	}
	cancel(nil)
	<-obeyed
	// Streams are released first: requests of others are forwarded to their next owner, and this process forwards its own.
	return errors.Join(err, s.set(context.WithoutCancel(ctx), false), p.server.Stop(requestGrace, cancelGrace))
}

// errClaimed ends a process whose project another one uses alone.
var errClaimed = failure.Wrap(failure.Transient, errors.New("another process uses the project alone now, such as `bursar repair`; start this one again when it has ended"))

func (p *sharedProcess) describe() Up {
	up := Up{
		Temporal: p.temporal.Address(), Process: os.Getpid(), ID: p.shared.process.ID, Roles: p.options.Roles, Peers: p.shared.process.Address,
	}
	if p.api != nil {
		up.Address, up.TokenFile, up.Loopback = p.api.Addr().String(), serve.TokenFile(p.state), serve.OnLoopback(p.api)
	}
	if p.has(role.Intake) && !p.options.Worker {
		up.Inbox = p.inbox()
	}
	if p.has(role.Job) {
		up.Jobs = p.jobNames()
	}
	return up
}

// sweepInterval is how often a process deletes what was replaced and is old enough.
const sweepInterval = time.Hour

// sweepRegularly deletes what was replaced, until stop is called.
func (p *sharedProcess) sweepRegularly(ctx context.Context) (stop func() error, err error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(sweepInterval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if err := p.sweep(ctx); err != nil && ctx.Err() == nil {
					p.log.Warn("cannot delete what was replaced; trying again in an hour", "error", err)
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() error { cancel(); <-ended; return nil }, nil
}
