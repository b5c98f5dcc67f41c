// The connections that the embedded server makes to itself, kept so that they are closed with it: the server leaves
// them open when it stops, each with its goroutines.

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

// connections are those that one server made. It is the server's provider of client factories, to see them.
type connections struct {
	mu   sync.Mutex
	open []*grpc.ClientConn
}

func (c *connections) keep(made *grpc.ClientConn) *grpc.ClientConn {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = append(c.open, made)
	return made
}

// close closes all of them; the server has stopped.
func (c *connections) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, made := range c.open {
		_ = made.Close() // its only error is that it is closed
	}
	c.open = nil
}

// NewFactory makes the server's own factory of clients, which connects through one that keeps what it makes.
func (c *connections) NewFactory(rpc common.RPCFactory, monitor membership.Monitor, handler metrics.Handler,
	dynamic *dynamicconfig.Collection, hooks testhooks.TestHooks, shards int32, logger, throttled log.Logger,
) client.Factory {
	kept := &keptRPC{RPCFactory: rpc, made: c}
	return client.NewFactoryProvider().NewFactory(kept, monitor, handler, dynamic, hooks, shards, logger, throttled)
}

// keptRPC connects as the factory in it, and keeps each connection.
type keptRPC struct {
	common.RPCFactory
	made *connections
}

func (k *keptRPC) CreateRemoteFrontendGRPCConnection(address string) *grpc.ClientConn {
	return k.made.keep(k.RPCFactory.CreateRemoteFrontendGRPCConnection(address))
}

func (k *keptRPC) CreateLocalFrontendGRPCConnection() *grpc.ClientConn {
	return k.made.keep(k.RPCFactory.CreateLocalFrontendGRPCConnection())
}

func (k *keptRPC) CreateHistoryGRPCConnection(address string) *grpc.ClientConn {
	return k.made.keep(k.RPCFactory.CreateHistoryGRPCConnection(address))
}

func (k *keptRPC) CreateMatchingGRPCConnection(address string) *grpc.ClientConn {
	return k.made.keep(k.RPCFactory.CreateMatchingGRPCConnection(address))
}
