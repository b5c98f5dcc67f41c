// The session of a client: reading its messages, and the transaction that it believes to be in.

package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"
)

const (
	// maxMessage is the most bytes of a message: a statement, or the values of its parameters.
	maxMessage = 1 << 20
	// sendBytes is after how many bytes of an answer they are sent.
	sendBytes = 64 << 10
)

// The status of a transaction, as clients get it.
const (
	noTransaction     = 'I'
	inTransaction     = 'T'
	failedTransaction = 'E'
)

// session is a connection, which one goroutine serves. Its transactions are in name only: each statement is one of its own.
type session struct {
	server *Server
	conn   net.Conn
	in     *pgproto3.Backend
	out    []byte // not sent yet
	secure bool
	types  *pgtype.Map

	id          uint32
	secret      [4]byte
	application string
	timeout     time.Duration // of statements; at most that of the options

	status     byte
	statements map[string]*prepared
	portals    map[string]*portal
	skips      bool // messages, after an error, until Sync
	failed     bool // the client has got its last error

	mu       sync.Mutex
	stopping bool
	idle     bool                    // waits for a message
	stop     context.CancelCauseFunc // of the statement that is executed
}

func newSession(s *Server, conn net.Conn) *session {
	c := &session{
		server: s, types: pgtype.NewMap(), timeout: s.o.Timeout, status: noTransaction, statements: map[string]*prepared{}, portals: map[string]*portal{},
	}
	c.use(conn)
	return c
}

// use makes a connection the one that is read and written.
func (c *session) use(conn net.Conn) {
	c.conn, c.in = conn, pgproto3.NewBackend(conn, io.Discard)
}

// send adds a message to those that flush sends.
func (c *session) send(m pgproto3.BackendMessage) {
	out, err := m.Encode(c.out)
	if err == nil { // it only fails for messages of gigabytes
		c.out = out
	}
}

func (c *session) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	if err := c.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return &connectionError{err}
	}
	if _, err := c.conn.Write(c.out); err != nil {
		return &connectionError{err}
	}
	if cap(c.out) > 4*sendBytes {
		c.out = nil
	}
	c.out = c.out[:0]
	return nil
}

// connectionError ends a session, as nothing can be sent any more.
type connectionError struct{ error }

func (e *connectionError) Unwrap() error { return e.error }

// fail sends an error after which the connection is closed, and returns it. Only the first one is sent.
func (c *session) fail(e *sqlError) error {
	if !c.failed {
		c.failed = true
		c.send(e.response())
		_ = c.flush()
	}
	return e
}

// run serves the client until it leaves, or until the server stops.
func (c *session) run() {
	defer c.closePortals()
	c.in.SetMaxBodyLen(maxMessage)
	c.greet()
	for {
		message, err := c.receive()
		if err == nil {
			err = c.handle(message)
		}
		var tooLong *pgproto3.ExceededMaxBodyLenErr
		switch {
		case err == nil:
		case errors.As(err, &tooLong):
			_ = c.fail(&sqlError{code: codeProtocol, message: "a message has more than 1 MiB", hint: "write a shorter statement, or fewer values", fatal: true})
			c.discardRest()
			return
		case c.isStopping():
			_ = c.fail(&sqlError{code: codeShutdown, message: "terminating connection because `bursar up` stops", fatal: true})
			return
		default:
			return
		}
	}
}

// After the error about a message that is too long, so much of the message is read and discarded, for so long: a client that still writes when
// the connection is closed would not see the error.
const (
	discardBytes = 64 << 20
	discardTime  = 5 * time.Second
)

func (c *session) discardRest() {
	if c.conn.SetReadDeadline(time.Now().Add(discardTime)) == nil {
		_, _ = io.CopyN(io.Discard, c.conn, discardBytes)
	}
}

// greet tells the client about the server, and that it may send statements.
func (c *session) greet() {
	for _, s := range reported {
		c.send(&pgproto3.ParameterStatus{Name: s.name, Value: s.value})
	}
	c.send(&pgproto3.ParameterStatus{Name: "session_authorization", Value: c.server.o.User})
	c.send(&pgproto3.ParameterStatus{Name: "application_name", Value: c.application})
	c.send(&pgproto3.BackendKeyData{ProcessID: c.id, SecretKey: c.secret[:]})
	c.ready()
}

func (c *session) ready() { c.send(&pgproto3.ReadyForQuery{TxStatus: c.status}) }

// receive sends what was written, and waits for the next message.
func (c *session) receive() (pgproto3.FrontendMessage, error) {
	if err := c.flush(); err != nil {
		return nil, err
	}
	if !c.setIdle(true) {
		return nil, errShutdown
	}
	defer c.setIdle(false)
	return c.in.Receive()
}

// setIdle notes whether the session waits for a message. It returns false if the server stops.
func (c *session) setIdle(idle bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = idle
	return !c.stopping
}

func (c *session) isStopping() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopping
}

// stopWhenIdle ends the session when it waits for a message.
func (c *session) stopWhenIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopping = true
	if c.idle {
		_ = c.conn.SetReadDeadline(time.Now())
	}
}

// interrupt cancels the statement that is executed, if there is one.
func (c *session) interrupt(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop != nil {
		c.stop(cause)
	}
}

// interruptible makes interrupt cancel something until the returned function is called.
func (c *session) interruptible(stop context.CancelCauseFunc) (end func()) {
	set := func(f context.CancelCauseFunc) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.stop = f
	}
	set(stop)
	return func() { set(nil) }
}

// statementContext returns a context that ends with the time of a statement.
func (c *session) statementContext() (context.Context, context.CancelCauseFunc) {
	ctx, stop := context.WithCancelCause(c.server.ctx)
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, &timeoutError{c.timeout.String()})
	return ctx, func(cause error) {
		stop(cause)
		cancel()
	}
}

// handle answers a message. An error of it ends the session.
func (c *session) handle(message pgproto3.FrontendMessage) error {
	if _, isSync := message.(*pgproto3.Sync); c.skips && !isSync {
		if _, ends := message.(*pgproto3.Terminate); !ends {
			return nil
		}
	}
	var err error
	switch m := message.(type) {
	case *pgproto3.Query:
		err = c.simple(m.String)
	case *pgproto3.Parse:
		err = c.parse(m)
	case *pgproto3.Bind:
		err = c.bind(m)
	case *pgproto3.Describe:
		err = c.describe(m)
	case *pgproto3.Execute:
		err = c.execute(m)
	case *pgproto3.Close:
		c.close(m)
	case *pgproto3.Sync:
		c.sync()
	case *pgproto3.Flush, *pgproto3.CopyData, *pgproto3.CopyDone, *pgproto3.CopyFail:
	case *pgproto3.Terminate:
		return io.EOF
	default:
		return c.fail(&sqlError{code: codeProtocol, message: "this message is not supported", fatal: true})
	}
	return c.report(err)
}

// report sends an error of a message of the extended protocol. It returns those that end the session.
func (c *session) report(err error) error {
	var known *sqlError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &known):
		return err
	case known.fatal:
		return c.fail(known)
	}
	c.sendError(known)
	c.skips = true
	return nil
}

// sendError sends an error, which fails the transaction.
func (c *session) sendError(e *sqlError) {
	if c.status == inTransaction {
		c.status = failedTransaction
	}
	c.send(e.response())
}

// known returns an error of a statement as the client gets it: those that it must not see are logged.
func (c *session) known(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var broken *connectionError
	if errors.As(err, &broken) {
		return err
	}
	if e := clientError(ctx, err); e != nil {
		return e
	}
	c.server.o.Log.Error("a statement of a client of the warehouse has failed", "error", err)
	return &sqlError{code: codeInternal, message: "the warehouse could not execute the statement; the log of `bursar up` says why"}
}

// sync ends a series of messages of the extended protocol.
func (c *session) sync() {
	c.skips = false
	if c.status == noTransaction {
		c.closePortals()
	}
	c.ready()
}
