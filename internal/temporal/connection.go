// The connection to a Temporal server, embedded or elsewhere, as callers use it.

package temporal

import (
	"sync"

	"go.temporal.io/sdk/client"
)

// Connection is a client of a Temporal server, with where it is and the namespace that has all workflows of a project. Start and
// Dial make one.
type Connection struct {
	client    client.Client
	address   string
	namespace string
	once      sync.Once
	end       func()
}

// Client returns the client. Workers and callers share it, so that the first task of a workflow goes directly to a worker of this
// process (eager start). Stop closes it.
func (c *Connection) Client() client.Client { return c.client }

// Address returns the host:port of the server, for people. It is a reference if that is how the address is declared.
func (c *Connection) Address() string { return c.address }

// Namespace returns the namespace of the client.
func (c *Connection) Namespace() string { return c.namespace }

// Stop closes the client, and stops an embedded server. Workers must have been stopped before. It may be called more than once.
func (c *Connection) Stop() { c.once.Do(c.end) }
