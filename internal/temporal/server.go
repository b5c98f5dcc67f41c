// Package temporal is the connection to the durable-workflow service: a server embedded in this process or a cluster elsewhere, its
// client, and the conversion between the error classes of Bursar and Temporal's retry policies.
//
// It guarantees that the embedded server listens on loopback only and answers only clients with the project's certificate,
// that a start after a kill works at once, and that deleting its files loses nothing but history. It must not know any
// workflow, and stores nothing that a run depends on: the catalog is the truth.
package temporal

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"time"

	"bursar/internal/loopback"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	serverclient "go.temporal.io/server/client"
	"go.temporal.io/server/common"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership"
	"go.temporal.io/server/common/metrics"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/common/testing/testhooks"
	"go.temporal.io/server/temporal"
	"google.golang.org/grpc"
)

// Namespace is the namespace of the embedded server.
const Namespace = "default"

// Server is a Temporal server running inside this process, and the connection to it. Its Address is the loopback host:port for
// Temporal's own tools, which also need the files that TLSFiles names.
type Server struct {
	Connection
	inner          temporal.Server
	ports          ports
	identity       *tls.Config
	gate           *gate
	connections    *connections
	cancelRequests context.CancelFunc
}

// Start starts the embedded server of the project with this state folder, which must exist, and returns when the server
// answers. Its history is in temporal.db there, its ports in temporal.json and its certificate in temporal-tls; missing ones are
// created. Warnings and errors go to logger. Two processes must not start the server of one project at the same time; the
// caller's lock prevents it.
func Start(ctx context.Context, stateDir string, logger *slog.Logger) (*Server, error) {
	own, err := loadIdentity(stateDir)
	if err != nil {
		return nil, err
	}
	store, err := prepareDatabase(ctx, stateDir)
	if err != nil {
		return nil, err
	}
	worker.SetBinaryChecksum("bursar") // else each start computes a checksum of the whole program
	logs := &gate{out: logger}
	serverCtx, cancelRequests := context.WithCancel(context.Background())
	made := &connections{}
	inner, kept, err := launchOnFreePorts(serverCtx, stateDir, store, own, made, &serverLogger{gate: logs, prefix: "temporal server: "})
	if err != nil {
		cancelRequests()
		made.close()
		return nil, fmt.Errorf("start the embedded Temporal server on %s: %w", databaseFile(stateDir), err)
	}
	s := &Server{inner: inner, ports: kept, identity: own, gate: logs, connections: made, cancelRequests: cancelRequests}
	s.address, s.namespace, s.end = loopback.Address(kept.Frontend), Namespace, s.stop
	if err := s.connect(ctx); err != nil {
		s.Stop()
		return nil, err
	}
	logs.setPhase(serving)
	return s, nil
}

// services are the services that workflows need. Temporal's worker service is left out: it runs schedules, batch operations and
// the deletion of namespaces, which a project does not use, and its pollers continue after the server has stopped.
var services = []string{string(primitives.FrontendService), string(primitives.HistoryService), string(primitives.MatchingService)}

// portTries is how often ports are chosen, as another program may take one between the choice and the start.
const portTries = 5

// launchOnFreePorts launches the server, and chooses other ports if one is in use.
func launchOnFreePorts(serverCtx context.Context, stateDir string, store *config.SQL, own *tls.Config, made *connections, logger log.Logger,
) (inner temporal.Server, kept ports, err error) {
	for range portTries {
		if kept, err = loadPorts(stateDir); err != nil {
			return nil, kept, err
		}
		inner, err = launch(serverCtx, serverConfig(kept, store), kept, own, made, logger)
		if err == nil || !strings.Contains(err.Error(), syscall.EADDRINUSE.Error()) {
			break
		}
	}
	return inner, kept, err
}

// launch builds and starts the server. The server reports some failures, such as a port in use, by Fatal, whose panic is
// recovered here.
func launch(serverCtx context.Context, cfg *config.Config, kept ports, own *tls.Config, made *connections, logger log.Logger,
) (inner temporal.Server, err error) {
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case fatalError:
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
		temporal.WithChainedFrontendGrpcInterceptors(cancelWith(serverCtx)),
		temporal.WithClientFactoryProvider(made),
		temporal.WithTLSConfigFactory(tlsProvider(own)),
		// Every client with the certificate may do everything.
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

// cancelWith cancels running requests when serverCtx ends. Otherwise long polls would delay the stop until the server's
// timeout of one second.
func cancelWith(serverCtx context.Context) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(serverCtx, cancel)()
		return handle(ctx, request)
	}
}

func (s *Server) connect(ctx context.Context) error {
	c, err := client.NewLazyClient(client.Options{
		HostPort:          s.Address(),
		Namespace:         Namespace,
		Logger:            log.NewSdkLogger(&serverLogger{gate: s.gate}),
		ConnectionOptions: client.ConnectionOptions{TLS: s.identity},
	})
	if err != nil {
		return fmt.Errorf("create Temporal client for %s: %w", s.Address(), err)
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

// startTimeout bounds the time between listening and serving; startPoll is the interval of the health checks meanwhile.
const (
	startTimeout = 30 * time.Second
	startPoll    = 10 * time.Millisecond
)

// untilServing calls check until the server serves. The server listens a moment earlier and refuses all requests until then.
// Only such a refusal is retried, for at most startTimeout.
func untilServing(ctx context.Context, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
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

// stop stops the server and closes its client. Nothing is logged from then on, because a stopping server only reports that it
// stops.
func (s *Server) stop() {
	s.gate.setPhase(stopping)
	if s.client != nil {
		s.client.Close()
	}
	s.cancelRequests()
	_ = s.inner.Stop() // it stops waiting by itself, and an error needs no cleanup
	s.connections.close()
}

// connections records the connections of one server. It is the server's provider of client factories.
type connections struct {
	mu   sync.Mutex
	open []*grpc.ClientConn
}

func (c *connections) add(made *grpc.ClientConn) *grpc.ClientConn {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = append(c.open, made)
	return made
}

// close is called when the server has stopped.
func (c *connections) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, made := range c.open {
		_ = made.Close() // its only error means that it is closed already
	}
	c.open = nil
}

// NewFactory returns the server's default client factory, which connects through a recordingRPC.
func (c *connections) NewFactory(rpc common.RPCFactory, monitor membership.Monitor, handler metrics.Handler,
	dynamic *dynamicconfig.Collection, hooks testhooks.TestHooks, shards int32, logger, throttled log.Logger,
) serverclient.Factory {
	kept := &recordingRPC{RPCFactory: rpc, connections: c}
	return serverclient.NewFactoryProvider().NewFactory(kept, monitor, handler, dynamic, hooks, shards, logger, throttled)
}

// recordingRPC connects like the factory that it wraps, and records each connection.
type recordingRPC struct {
	common.RPCFactory
	connections *connections
}

func (k *recordingRPC) CreateRemoteFrontendGRPCConnection(address string) *grpc.ClientConn {
	return k.connections.add(k.RPCFactory.CreateRemoteFrontendGRPCConnection(address))
}

func (k *recordingRPC) CreateLocalFrontendGRPCConnection() *grpc.ClientConn {
	return k.connections.add(k.RPCFactory.CreateLocalFrontendGRPCConnection())
}

func (k *recordingRPC) CreateHistoryGRPCConnection(address string) *grpc.ClientConn {
	return k.connections.add(k.RPCFactory.CreateHistoryGRPCConnection(address))
}

func (k *recordingRPC) CreateMatchingGRPCConnection(address string) *grpc.ClientConn {
	return k.connections.add(k.RPCFactory.CreateMatchingGRPCConnection(address))
}
