// Package postgres opens PostgreSQL databases for the backends that keep their data there. It owns connections and their session
// settings, transactions with their retries, the classes of errors and the versions of schemas. No error that it returns contains
// a password. It must not know what is stored.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"bursar/internal/failure"
)

// Pool is a pool of connections to one schema of one database. It is safe for concurrent use. The errors of the embedded pool's
// methods are pgx's: give them to Classify.
type Pool struct {
	*pgxpool.Pool
	schema   string
	retryFor time.Duration
}

// classify is Classify with next steps that name the schema and the user.
func (p *Pool) classify(err error) error {
	return classifyAt(err, place{p.schema, p.Config().ConnConfig.User})
}

// Open opens a pool and connects once, so that a wrong configuration is reported now. The schema is created by Migrate.
func Open(ctx context.Context, config Config) (*Pool, error) {
	parsed, err := config.parse()
	if err != nil {
		return nil, fmt.Errorf("open PostgreSQL: %w", err)
	}
	inner, err := pgxpool.NewWithConfig(ctx, parsed)
	if err != nil {
		return nil, fmt.Errorf("open PostgreSQL: %w", Classify(err))
	}
	p := &Pool{Pool: inner, schema: config.schema(), retryFor: config.RetryFor}
	if p.retryFor == 0 {
		p.retryFor = defaultRetryFor
	}
	err = p.Retry(ctx, func(context.Context, *pgxpool.Conn) error { return nil })
	if err != nil {
		inner.Close()
		return nil, fmt.Errorf("open PostgreSQL: %w", err)
	}
	return p, nil
}

// Schema returns the name of the schema.
func (p *Pool) Schema() string { return p.schema }

// Connect opens a connection that does not belong to the pool, for LISTEN. The caller closes it.
func (p *Pool) Connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, p.Config().ConnConfig)
	if err != nil {
		return nil, Classify(err)
	}
	return conn, nil
}

// backoff is how long to wait before a retry: at most so long, because two transactions that met must not meet again.
var backoff = failure.Backoff{Least: 4 * time.Millisecond, Most: time.Second}

// Retry calls attempt with a connection, again and with exponential waits while its error may be repeated: the server ended the
// transaction because of others (serialization failure, deadlock), or the connection broke. An attempt that may have committed
// returns ErrOutcomeUnknown (CommitError), which is never repeated. A transaction that attempt leaves open is rolled back, without
// waiting for it.
func (p *Pool) Retry(ctx context.Context, attempt func(context.Context, *pgxpool.Conn) error) error {
	return p.RetryAfter(ctx, func(context.Context) error { return nil }, attempt)
}

// RetryAfter is Retry that calls before ahead of each attempt but the first, without a connection: it may wait for other users of
// the pool. An error of before ends it.
func (p *Pool) RetryAfter(ctx context.Context, before func(context.Context) error, attempt func(context.Context, *pgxpool.Conn) error) error {
	started := time.Now()
	for failures := 1; ; failures++ {
		if failures > 1 {
			if err := before(ctx); err != nil {
				return err
			}
		}
		err := p.try(ctx, attempt)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return p.classify(asEnded(ctx, err))
		}
		wait := time.Duration(rand.Int64N(int64(backoff.After(failures)))) + 1
		if !repeatable(err) || time.Since(started)+wait > p.retryFor {
			return p.classify(err)
		}
		if isShutdown(err) {
			p.Reset() // the other connections are closed, too
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return p.classify(err)
		}
	}
}

// asEnded puts the error of a context that has ended into the chain of the error of what it ended: pgx closes the connection then, and may
// return only what writing to it returned.
func asEnded(ctx context.Context, err error) error {
	if errors.Is(err, ctx.Err()) || errors.Is(err, ErrOutcomeUnknown) {
		return err
	}
	return fmt.Errorf("%w: %w", ctx.Err(), err)
}

func (p *Pool) try(ctx context.Context, attempt func(context.Context, *pgxpool.Conn) error) error {
	conn, err := p.Acquire(ctx)
	if err != nil {
		return err
	}
	session := conn.Conn().PgConn().PID()
	if err = p.attempt(ctx, conn, attempt); errors.Is(err, ErrOutcomeUnknown) {
		p.settle(ctx, session)
	}
	return err
}

func (p *Pool) attempt(ctx context.Context, conn *pgxpool.Conn, attempt func(context.Context, *pgxpool.Conn) error) error {
	defer release(conn) // also when it panics
	err := attempt(ctx, conn)
	if err != nil && conn.Conn().IsClosed() {
		err = asBroken(err)
	}
	return err
}

// rollbackTimeout bounds the answer to a rollback that nobody waits for.
const rollbackTimeout = 5 * time.Second

// release returns a connection to the pool. An open transaction is ended first, in the background: its result does not matter, and
// the pool closes the connection if it fails.
func release(conn *pgxpool.Conn) {
	session := conn.Conn().PgConn()
	if session.IsClosed() || session.TxStatus() == idle {
		conn.Release()
		return
	}
	go func() {
		defer conn.Release()
		ctx, cancel := context.WithTimeout(context.Background(), rollbackTimeout)
		defer cancel()
		_ = session.Exec(ctx, "rollback").Close()
	}()
}

// idle is the state of a session that has no open transaction.
const idle = 'I'

// InTransaction runs fn in a transaction with these options, and commits it, or undoes it if it is read-only. It may call fn more than
// once (Retry), so fn must have no other effects. fn's own error is returned as it is, classified if it is pgx's, and nothing is written
// then. A read-only transaction is repeated even if its end was not answered.
func (p *Pool) InTransaction(ctx context.Context, options pgx.TxOptions, fn func(context.Context, pgx.Tx) error) error {
	return p.Retry(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		tx, err := conn.BeginTx(ctx, options)
		if err != nil {
			return err
		}
		if err := fn(ctx, tx); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err // known: nothing is committed
		}
		committing, cancel := CommitContext(ctx)
		defer cancel()
		if options.AccessMode == pgx.ReadOnly { // undone: functions such as lo_creat() write even so
			return tx.Rollback(committing)
		}
		return CommitError(tx.Commit(committing))
	})
}
