// Package mail sends messages through an SMTP server.
//
// It owns the connections to the server. It guarantees that the Message-ID header of a message follows from the message's id alone,
// that no text of a message becomes a header or an SMTP command, that a message goes to all of its recipients or to none, and that an
// error has ErrUncertain in its chain exactly if the server may have accepted the message: the message was sent to its end, and no
// answer came. It must not know what the messages are about, and never repeats one: who calls it decides that.
package mail

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"sync"
	"time"

	"bursar/internal/failure"
	"bursar/internal/vault"
)

// How connections to the server are encrypted.
const (
	TLSRequired = "starttls" // the default: begins in plain text, and nothing is sent before it is encrypted
	TLSImplicit = "implicit" // encrypted from the first byte
	TLSNone     = "none"     // for servers on this machine
)

// DefaultConnections is how many connections to a server are open at the same time where the configuration does not say.
const DefaultConnections = 4

// Config says how messages are sent.
type Config struct {
	Address  string // host:port
	User     string // empty: without logging in
	Password vault.Secret
	TLS      string // TLSRequired (also if empty), TLSImplicit or TLSNone
	From     string // the sender of messages that name none, as in: Example Ltd <billing@example.com>

	Name        string         // what errors call the server if its address is a secret; empty: its address
	Connections int            // the most that are open at the same time; 0 is DefaultConnections
	Roots       *x509.CertPool // trusted certificate authorities; nil: the system's
}

// idleTime is how long a connection that is not used stays open. Servers close them themselves after a minute or more.
const idleTime = 30 * time.Second

// longestSend bounds one message where the caller's context does not: RFC 5321 lets a server think for ten minutes after the data.
const longestSend = 15 * time.Minute

// Client sends messages. It keeps connections open for the next message. Its methods may be called at the same time.
type Client struct {
	config Config
	free   chan struct{} // one element per connection that may be opened or is idle

	mu   sync.Mutex
	idle []*connection // the last one was used most recently
}

// NewClient returns a client, which connects when it is needed. A configuration that is not valid fails every message.
func NewClient(c Config) *Client {
	if c.Connections <= 0 {
		c.Connections = DefaultConnections
	}
	if c.TLS == "" {
		c.TLS = TLSRequired
	}
	client := &Client{config: c, free: make(chan struct{}, c.Connections)}
	for range c.Connections {
		client.free <- struct{}{}
	}
	return client
}

// Send sends one message to all of its recipients, or to none. It waits for a connection, for the server's answer, and at most until
// the context ends.
//
// Its errors have classes: Data if the message, its recipients or the configuration is refused for good, Throttled if the server asks
// for fewer messages, and else Transient, broken connections included. If ErrUncertain is in the chain, the server may have accepted
// the message; otherwise it has not.
func (c *Client) Send(ctx context.Context, m Message) error {
	l, err := c.compose(m)
	if err != nil {
		return failure.Wrap(failure.Data, fmt.Errorf("send message %q: %w", m.ID, err))
	}
	if err := c.deliver(ctx, l); err != nil {
		return c.hide(fmt.Errorf("send message %s through %s: %w", m.ID, c.config.Address, err))
	}
	return nil
}

// hide removes a secret address from an error.
func (c *Client) hide(err error) error {
	if c.config.Name == "" {
		return err
	}
	host, _, _ := net.SplitHostPort(c.config.Address) // empty if it is not valid
	return vault.Hide(err, c.config.Name, c.config.Address, host)
}

func (c *Client) deliver(ctx context.Context, l *letter) error {
	ctx, cancel := context.WithTimeoutCause(ctx, longestSend, context.DeadlineExceeded)
	defer cancel()
	select {
	case <-c.free:
		defer func() { c.free <- struct{}{} }()
	case <-ctx.Done():
		return failure.Wrap(failure.Transient, fmt.Errorf("wait for a connection: %w", context.Cause(ctx)))
	}
	if used := c.takeIdle(); used != nil {
		if err := c.exchange(ctx, used, l); !isStale(err) || ctx.Err() != nil {
			return err
		}
	}
	fresh, err := dial(ctx, c.config)
	if err != nil {
		return err
	}
	return c.exchange(ctx, fresh, l)
}

// exchange sends the message on the connection, and keeps the connection where it can be used again.
func (c *Client) exchange(ctx context.Context, conn *connection, l *letter) error {
	reusable, err := conn.send(ctx, l)
	if reusable {
		c.keep(conn)
	} else {
		conn.abort()
	}
	return withoutSecret(err, c.config.Password)
}

func (c *Client) takeIdle() *connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.idle) == 0 {
		return nil
	}
	last := len(c.idle) - 1
	conn := c.idle[last]
	c.idle = c.idle[:last]
	conn.expiry.Stop()
	return conn
}

func (c *Client) keep(conn *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = append(c.idle, conn)
	conn.expiry = time.AfterFunc(idleTime, func() { c.expire(conn) })
}

// expire closes a connection that is still idle.
func (c *Client) expire(conn *connection) {
	if c.remove(conn) {
		conn.quit()
	}
}

func (c *Client) remove(conn *connection) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, other := range c.idle {
		if other == conn {
			c.idle = append(c.idle[:i], c.idle[i+1:]...)
			return true
		}
	}
	return false
}

// Close closes the connections that no message is sent on. The client may be used again, and then connects again.
func (c *Client) Close() {
	for conn := c.takeIdle(); conn != nil; conn = c.takeIdle() {
		conn.quit()
	}
}
