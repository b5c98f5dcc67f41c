// Network connections on which a silent server is noticed.

package postgres

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Dialer returns a function that opens connections. A dead machine is noticed by keep-alive packets, and a machine that is alive
// but sends nothing by the answer timeout.
func Dialer(connect, answer time.Duration) pgconn.DialFunc {
	d := net.Dialer{
		Timeout:         connect,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &timedConn{Conn: conn, timeout: answer}, nil
	}
}

// timedConn is a connection on which each read and write ends with an error after a timeout, unless its user has set a deadline.
type timedConn struct {
	net.Conn
	timeout time.Duration

	mu    sync.Mutex
	given bool // a deadline is set by the user
}

func (c *timedConn) Read(b []byte) (int, error) {
	c.arm(c.Conn.SetReadDeadline)
	return c.Conn.Read(b)
}

func (c *timedConn) Write(b []byte) (int, error) {
	c.arm(c.Conn.SetWriteDeadline)
	return c.Conn.Write(b)
}

// arm sets a deadline. An error of it is that of the next read or write as well.
func (c *timedConn) arm(set func(time.Time) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.given {
		_ = set(time.Now().Add(c.timeout))
	}
}

// SetDeadline is how pgx interrupts a read or write when a context ends.
func (c *timedConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.given = !t.IsZero()
	return c.Conn.SetDeadline(t)
}

func (c *timedConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.given = !t.IsZero()
	return c.Conn.SetReadDeadline(t)
}

func (c *timedConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.given = !t.IsZero()
	return c.Conn.SetWriteDeadline(t)
}
