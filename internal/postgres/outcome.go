// What is known about a transaction after an error, and which errors may be repeated.

package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"bursar/internal/failure"
)

// ErrOutcomeUnknown is in the chain of an error of a transaction whose commit was sent and not answered: all of it is written, or
// nothing. The caller must read before it repeats anything. Its class is Transient.
var ErrOutcomeUnknown = failure.Wrap(failure.Transient,
	errors.New("the connection was lost while the transaction was committed: it is unknown whether it is; read before you repeat it"))

// CommitError returns the error of sending a commit and reading its answer, with ErrOutcomeUnknown unless the server refused the
// commit or it was not sent.
func CommitError(err error) error {
	var refused *pgconn.PgError
	switch {
	case err == nil, pgconn.SafeToRetry(err), errors.Is(err, pgx.ErrTxCommitRollback), errors.Is(err, pgx.ErrTxClosed):
		return err
	// A FATAL error may follow a commit that is complete.
	case errors.As(err, &refused) && refused.SeverityUnlocalized != "FATAL" && refused.SeverityUnlocalized != "PANIC":
		return err
	}
	return fmt.Errorf("%w: %w", ErrOutcomeUnknown, Classify(err))
}

// commitGrace is how long a commit that was sent is waited for after its context has ended.
const commitGrace = 5 * time.Second

// CommitContext returns the context of sending a commit and reading its answer. It ends a while after ctx does, because the answer
// says more than the end of ctx.
func CommitContext(ctx context.Context) (context.Context, context.CancelFunc) {
	committing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(commitGrace, cancel) })
	return committing, func() { stop(); cancel() }
}

// settleTimeout bounds how long an unknown outcome waits for the end of its session.
const settleTimeout = 5 * time.Second

// settle ends the session in which a commit was sent, so that a read afterwards is final: a commit that is still on its way to the
// server cannot happen any more. If the server cannot be reached, the session ends there a little later.
func (p *Pool) settle(ctx context.Context, session uint32) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	_ = p.Retry(ctx, func(ctx context.Context, conn *pgxpool.Conn) error { // the other connections may be broken as well
		_, err := conn.Exec(ctx, `SELECT pg_terminate_backend(pid, $2) FROM pg_stat_activity
			WHERE pid = $1 AND usename = current_user AND datname = current_database()`, session, (settleTimeout / 2).Milliseconds())
		return err
	})
}

// errBroken marks an error of a connection that is closed.
var errBroken = errors.New("the connection to the server is broken")

// asBroken marks the error of an attempt after which the connection is closed. What the server reported says more.
func asBroken(err error) error {
	var reported *pgconn.PgError
	if errors.As(err, &reported) || errors.Is(err, ErrOutcomeUnknown) || !isNetwork(err) {
		return err
	}
	return fmt.Errorf("%w: %w", errBroken, err)
}

// isNetwork reports whether err is one of a connection: pgx wraps some of them in errors without a type.
func isNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		pgconn.SafeToRetry(err) || pgconn.Timeout(err) || strings.Contains(err.Error(), "conn closed")
}

// repeatable reports whether the same transaction may succeed when it is tried again soon.
func repeatable(err error) bool {
	if errors.Is(err, ErrOutcomeUnknown) {
		return false
	}
	var reported *pgconn.PgError
	if errors.As(err, &reported) {
		return reported.Code == serializationFailure || reported.Code == deadlock || isShutdown(err) || reported.Code == tooManyConnections
	}
	if errors.Is(err, errBroken) {
		return true
	}
	var connect *pgconn.ConnectError
	return errors.As(err, &connect) && connectClass(connect) == failure.Transient
}

// isShutdown reports whether the server ended the connection, or refuses new ones for a while.
func isShutdown(err error) bool {
	var reported *pgconn.PgError
	return errors.As(err, &reported) && (strings.HasPrefix(reported.Code, "57P0") && reported.Code != databaseDropped || isLostWorker(reported))
}

// isLostWorker reports whether a parallel worker of a query has ended, as it does when the server stops. The code has many meanings; the file of
// the server that reports it is the same in every language.
func isLostWorker(err *pgconn.PgError) bool { return err.Code == "55000" && err.File == "parallel.c" }
