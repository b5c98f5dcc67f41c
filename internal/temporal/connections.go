// The gRPC connections that the embedded server makes to itself. They are recorded and closed here, because the server leaves
// them and their goroutines open when it stops.

package temporal

import (
	"sync"

	"go.temporal.io/server/client"
	"go.temporal.io/server/common"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership"
	"go.temporal.io/server/common/metrics"
	"go.temporal.io/server/common/testing/testhooks"
	"google.golang.org/grpc"
)

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

// close closes all connections. The server must have stopped.
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
) client.Factory {
	kept := &recordingRPC{RPCFactory: rpc, connections: c}
	return client.NewFactoryProvider().NewFactory(kept, monitor, handler, dynamic, hooks, shards, logger, throttled)
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
