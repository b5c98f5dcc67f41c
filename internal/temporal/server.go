// Package temporal is the connection to the durable-workflow service: a server embedded in this process, the client of
// it, and the translation between this project's error classes and Temporal's retry policies.
//
// It guarantees that the embedded server listens on loopback only and answers only who has the project's certificate, that a
// start after a kill works at once, and that deleting its files loses nothing but history. It must not know any workflow, and keeps nothing a run depends on: the
// catalog is the truth.
package temporal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	serverlog "go.temporal.io/server/common/log"
	"go.temporal.io/server/common/metrics"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/temporal"
	"google.golang.org/grpc"
)

// Namespace is the namespace of every workflow of a project.
const Namespace = "default"

// Server is a Temporal server running inside this process.
type Server struct {
	inner  temporal.Server
	client client.Client
	ports  ports
	own    *identity
	logs   *gate
	made   *connections
	hangUp context.CancelFunc
	once   sync.Once
}

// Start starts the embedded server of the project whose state is in stateDir, which exists, and returns when it
// answers. Its history is in temporal.db there, its ports in temporal.json and its certificate in temporal-tls; all are made
// when absent. Warnings and errors go to logger. No two processes may start one project's server at a time; the caller's lock sees to that.
func Start(ctx context.Context, stateDir string, logger *slog.Logger) (*Server, error) {
	own, err := keepIdentity(stateDir)
	if err != nil {
		return nil, err
	}
	store, err := prepareDatabase(ctx, stateDir)
	if err != nil {
		return nil, err
	}
	worker.SetBinaryChecksum("bursar") // else each start digests the whole program
	logs := &gate{out: logger}
	online, hangUp := context.WithCancel(context.Background())
	made := &connections{}
	inner, kept, err := launchSomewhere(online, stateDir, store, own, made, &serverLogger{gate: logs})
	if err != nil {
		hangUp()
		made.close()
		return nil, fmt.Errorf("start the embedded Temporal server on %s: %w", databaseFile(stateDir), err)
	}
	s := &Server{inner: inner, ports: kept, own: own, logs: logs, made: made, hangUp: hangUp}
	if err := s.connect(ctx); err != nil {
		s.Stop()
		return nil, err
	}
	logs.enter(serving)
	return s, nil
}

// services are what workflows, their timers and their history need. Temporal's own worker is left out: it carries out schedules,
// batch operations and the deletion of namespaces, none of which a project has, and its pollers go on after the server has stopped.
var services = []string{string(primitives.FrontendService), string(primitives.HistoryService), string(primitives.MatchingService)}

// portTries is how often the ports are chosen anew, as other programs may take one between the choice and the start.
const portTries = 5

// launchSomewhere launches the server on ports that are free.
func launchSomewhere(online context.Context, stateDir string, store *config.SQL, own *identity, made *connections, logger serverlog.Logger,
) (inner temporal.Server, kept ports, err error) {
	for range portTries {
		if kept, err = keepPorts(stateDir); err != nil {
			return nil, kept, err
		}
		inner, err = launch(online, serverConfig(kept, store), kept, own, made, logger)
		if err == nil || !strings.Contains(err.Error(), syscall.EADDRINUSE.Error()) {
			break
		}
	}
	return inner, kept, err
}

// launch builds and starts the server. The server reports some failures, such as a port taken in the last moment, by
// Fatal, which unwinds to here as a panic.
func launch(online context.Context, cfg *config.Config, kept ports, own *identity, made *connections, logger serverlog.Logger,
) (inner temporal.Server, err error) {
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case fatal:
			inner, err = nil, cause
		default:
			panic(cause)
		}
	}()
	inner, err = temporal.NewServer(
		temporal.WithConfig(cfg),
		temporal.ForServices(services),
		temporal.WithStaticHosts(kept.hosts()),
		temporal.WithDynamicConfigClient(dynamicConfig()),
		temporal.WithLogger(logger),
		temporal.WithCustomMetricsHandler(metrics.NoopMetricsHandler),
		temporal.WithChainedFrontendGrpcInterceptors(whileOnline(online)),
		temporal.WithClientFactoryProvider(made),
		temporal.WithTLSConfigFactory(own.provider()),
		// Who has shown the certificate may do everything: there is nobody else.
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper {
			return authorization.NewNoopClaimMapper()
		}),
	)
	if err != nil {
		return nil, err
	}
	return inner, inner.Start()
}

// whileOnline ends the requests in flight when online does. Those that wait for work would otherwise hold up the
// stop for as long as the server is willing to wait, a second.
func whileOnline(online context.Context) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(online, cancel)()
		return handle(ctx, request)
	}
}

func (s *Server) connect(ctx context.Context) error {
	c, err := client.NewLazyClient(client.Options{
		HostPort:          s.Address(),
		Namespace:         Namespace,
		Logger:            log.NewStructuredLogger(slog.New(newClientHandler(s.logs))),
		ConnectionOptions: client.ConnectionOptions{TLS: s.own.client()},
	})
	if err != nil {
		return fmt.Errorf("make Temporal client for %s: %w", s.Address(), err)
	}
	s.client = c
	err = untilServing(ctx, func(ctx context.Context) error {
		_, err := c.CheckHealth(ctx, &client.CheckHealthRequest{})
		return err
	})
	if err != nil {
		return fmt.Errorf("reach the embedded Temporal server at %s: %w", s.Address(), err)
	}
	return nil
}

// startWait is how long a server that listens may take to serve, and startPoll how long after each refusal it is asked again.
const (
	startWait = 30 * time.Second
	startPoll = 10 * time.Millisecond
)

// untilServing asks until the server serves: it listens a moment before that, and refuses all requests until then. Only
// such a refusal is waited for, startWait at most; the last one is the error.
func untilServing(ctx context.Context, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for {
		err := check(ctx)
		var refused *serviceerror.Unavailable
		if !errors.As(err, &refused) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(startPoll):
		}
	}
}

// Client returns the one client of this server. Workers and callers share it, which is what lets the first task of a
// workflow started here go straight to a worker here. Stop closes it.
func (s *Server) Client() client.Client { return s.client }

// Address returns the loopback host:port where Temporal's own tools can attach, with the files that TLSFiles names.
func (s *Server) Address() string { return s.ports.address(s.ports.Frontend) }

// Stop stops the server and closes its client; workers must have been stopped before. It may be called again.
// Nothing is logged from here on: what a stopping server complains about is only that it stops.
func (s *Server) Stop() {
	s.once.Do(func() {
		s.logs.enter(stopping)
		if s.client != nil {
			s.client.Close()
		}
		s.hangUp()
		_ = s.inner.Stop() // it gives up waiting by itself, and leaves nothing to undo
		s.made.close()
	})
}
