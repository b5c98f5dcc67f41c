// Package wire serves the embedded warehouse over PostgreSQL's protocol, so that psql, drivers and BI tools can read it. It owns the
// protocol's session: logins, prepared statements, portals, transactions in name only, cancelling. Statements are executed by
// duckwarehouse.Asker, which checks each of them as `bursar query` does; those about PostgreSQL's catalog are executed in a database in memory
// that only describes the warehouse's tables. It must not write, nor execute anything that has not passed that check.
package wire

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"bursar/internal/failure"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/duckwarehouse"
)

// Warehouse is what statements of clients are executed in, each of them on one state, by Asking only. Read is for the names of tables.
type Warehouse interface {
	Read(ctx context.Context, fn func(context.Context, warehouse.Reader) error) error
	Asking(ctx context.Context, fn func(context.Context, duckwarehouse.Asker) error) error
}

// Options say who may connect and what a statement may take. User and Password are required.
type Options struct {
	Open     func(context.Context) (Warehouse, error) // called for each statement; the database may not be there yet
	User     string
	Password string
	TLS      *tls.Config // nil: without TLS; otherwise nobody is served without it
	Log      *slog.Logger
	// Warnings returns what to know of the rows that a statement does not see; nil: nothing. The client gets it as warnings.
	Warnings func(ctx context.Context, sql string) ([]string, error)

	Rows        int64         // the most rows of an answer
	Timeout     time.Duration // of a statement, reading its rows included
	Connections int           // the most at a time

	loginTimeout, loginDelay time.Duration // zero: the defaults
}

const (
	// loginTimeout is how long a client may take to log in.
	loginTimeout = 10 * time.Second
	// loginDelay is how long the answer to a wrong password is delayed.
	loginDelay = time.Second
	// pendingConnections are the most that log in, or cancel a statement, at a time. One more closes the oldest: whoever only connects keeps
	// nobody out.
	pendingConnections = 16
	// writeTimeout is how long a client may not read while rows are sent to it.
	writeTimeout = time.Minute
)

// Server serves clients until Stop.
type Server struct {
	o        Options
	login    *loginKeys
	catalogs *catalogs
	warnings failure.Warnings

	ctx    context.Context // of all statements
	cancel context.CancelCauseFunc
	group  sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener
	stopping bool
	lastID   uint32
	sessions map[uint32]*session
	pending  []net.Conn // that log in, the oldest first
}

// New returns a server.
func New(o Options) (*Server, error) {
	o.loginTimeout, o.loginDelay = cmp.Or(o.loginTimeout, loginTimeout), cmp.Or(o.loginDelay, loginDelay)
	keys, err := newLoginKeys(o)
	if err != nil {
		return nil, err
	}
	s := &Server{o: o, login: keys, catalogs: newCatalogs(o.User), sessions: map[uint32]*session{}}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	return s, nil
}

// Serve answers clients until Stop, or until the listener fails.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	s.listener = l
	stopping := s.stopping
	s.mu.Unlock()
	if stopping {
		return l.Close()
	}
	for {
		conn, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return fmt.Errorf("serve the warehouse: %w", err)
		}
		s.accept(conn)
	}
}

// accept serves a connection in a goroutine of its own. If too many log in, the oldest of them is closed.
func (s *Server) accept(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		_ = conn.Close()
		return
	}
	if len(s.pending) == pendingConnections {
		_ = s.pending[0].Close()
		if s.warnings.Pass("connections") {
			s.o.Log.Warn("a connection to the warehouse is closed: too many log in at a time", "from", s.pending[0].RemoteAddr())
		}
		s.pending = slices.Delete(s.pending, 0, 1)
	}
	s.pending = append(s.pending, conn)
	s.group.Go(func() {
		defer conn.Close()
		defer s.recover()
		s.serve(conn)
	})
}

// recover keeps an error in the code from ending the process, which does more than serve clients.
func (s *Server) recover() {
	if p := recover(); p != nil {
		s.o.Log.Error("a connection to the warehouse has ended by a bug", "panic", p)
	}
}

func (s *Server) serve(conn net.Conn) {
	c, err := s.logIn(conn)
	s.mu.Lock()
	s.pending = slices.DeleteFunc(s.pending, func(p net.Conn) bool { return p == conn })
	s.mu.Unlock()
	if err != nil || c == nil {
		return // the client has the error, if there is one to show
	}
	if !s.register(c) {
		return
	}
	defer s.unregister(c)
	c.run()
}

// register makes a session one of those that are served, unless there are too many.
func (s *Server) register(c *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopping:
		_ = c.fail(&sqlError{code: codeShutdown, message: "the server stops", fatal: true})
		return false
	case len(s.sessions) >= s.o.Connections:
		_ = c.fail(&sqlError{
			code: codeTooManyConnections, message: fmt.Sprintf("too many connections: %d are open", len(s.sessions)),
			hint: "close some of them, or raise the key `connections` of `warehouse` in bursar.yaml", fatal: true,
		})
		return false
	}
	s.lastID++
	c.id = s.lastID
	_, _ = rand.Read(c.secret[:]) // never fails
	s.sessions[c.id] = c
	return true
}

func (s *Server) unregister(c *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, c.id)
}

// cancelStatement interrupts what a session executes, if the secret is that of the session.
func (s *Server) cancelStatement(id uint32, secret []byte) {
	s.mu.Lock()
	c := s.sessions[id]
	s.mu.Unlock()
	if c != nil && subtle.ConstantTimeCompare(c.secret[:], secret) == 1 {
		c.interrupt(errCanceled)
	}
}

// Stop accepts no new clients, closes the connections of those that wait, and those of others when their statements have ended: after grace these
// are cancelled. It returns when all connections are closed.
func (s *Server) Stop(grace time.Duration) {
	s.mu.Lock()
	s.stopping = true
	if s.listener != nil {
		_ = s.listener.Close()
	}
	for _, conn := range s.pending {
		_ = conn.Close()
	}
	for _, c := range s.sessions {
		c.stopWhenIdle()
	}
	s.mu.Unlock()
	ended := make(chan struct{})
	go func() { s.group.Wait(); close(ended) }()
	s.cancelAfter(ended, grace)
	<-ended
	s.cancel(errShutdown)
	s.catalogs.close()
}

// cancelAfter cancels all statements, unless the connections end before. Clients that do not read are cut off.
func (s *Server) cancelAfter(ended <-chan struct{}, grace time.Duration) {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-ended:
		return
	case <-timer.C:
	}
	s.cancel(errShutdown)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.sessions {
		_ = c.conn.SetWriteDeadline(time.Now().Add(time.Second))
	}
}
