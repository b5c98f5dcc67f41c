// Transactions: their turns, what is repeated, and what is known when a connection breaks.

package redshift

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"bursar/internal/failure"
	"bursar/internal/postgres"
	"bursar/internal/warehouse"
)

const (
	beginWrite = "BEGIN READ WRITE"
	beginRead  = "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY"
	beginStage = "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE"
	takeTurn   = "LOCK TABLE " + lockTable
)

// Write takes turns with the other processes' by a lock of a table.
func (d *Database) Write(ctx context.Context, fn func(context.Context, warehouse.Tx) error) error {
	var session uint32
	err := d.transaction(ctx, beginWrite, func(t *tx) error {
		session = t.tx.Conn().PgConn().PID()
		if _, err := t.Exec(ctx, takeTurn); err != nil {
			return err
		}
		if err := fn(ctx, t); err != nil {
			return err
		}
		return t.commit(ctx)
	})
	if errors.Is(err, postgres.ErrOutcomeUnknown) {
		d.settle(ctx, session)
		err = fmt.Errorf("%w: %w", warehouse.ErrOutcomeUnknown, err)
	}
	return err
}

// Read sees the state at its first query. A Write that replaces, drops or changes a table waits until reads that have used this table are over.
func (d *Database) Read(ctx context.Context, fn func(context.Context, warehouse.Reader) error) error {
	return d.transaction(ctx, beginRead, func(t *tx) error { return fn(ctx, t) })
}

// Compare sees the state at its first query, and makes a Write wait as Read does.
func (d *Database) Compare(ctx context.Context, fn func(context.Context, warehouse.Stager) error) error {
	return d.transaction(ctx, beginStage, func(t *tx) error { return fn(ctx, t) })
}

// rollbackTimeout bounds the answer to a rollback, whose result does not matter.
const rollbackTimeout = 5 * time.Second

// transaction rolls back what fn does not commit.
func (d *Database) transaction(ctx context.Context, begin string, fn func(*tx) error) error {
	return d.retry(ctx, func(conn *pgxpool.Conn) error {
		t, err := conn.BeginTx(ctx, pgx.TxOptions{BeginQuery: begin})
		if err != nil {
			return err
		}
		defer func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
			defer cancel()
			_ = t.Rollback(ctx)
		}()
		return fn(&tx{db: d, tx: t})
	})
}

// commit returns an error with postgres.ErrOutcomeUnknown if it may have committed.
func (t *tx) commit(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err // known: nothing is committed
	}
	committing, cancel := postgres.CommitContext(ctx)
	defer cancel()
	return postgres.CommitError(t.tx.Commit(committing))
}

// settleTimeout bounds how long an unknown outcome waits for the end of its session.
const settleTimeout = 5 * time.Second

// settle ends the session in which a commit was sent, and waits until its lock is free, so that a read afterwards is final: a commit that is
// still on its way to the server cannot happen any more. If the server cannot be reached, the session ends there a little later.
// https://docs.aws.amazon.com/redshift/latest/dg/PG_TERMINATE_BACKEND.html.
func (d *Database) settle(ctx context.Context, session uint32) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	_ = d.transaction(ctx, beginWrite, func(t *tx) error {
		_, err := t.Exec(ctx, fmt.Sprintf("SELECT pg_terminate_backend(%d)", session))
		if err == nil {
			_, err = t.Exec(ctx, takeTurn)
		}
		return err
	})
}

// retryFor is how long transactions are repeated that failed because of others.
const retryFor = 15 * time.Second

// conflictText is in the message of the error of a transaction that Redshift ended because of another one, which has no code of its own.
const conflictText = "Serializable isolation violation"

// retry calls attempt again while others are the reason of its error.
func (d *Database) retry(ctx context.Context, attempt func(*pgxpool.Conn) error) error {
	backoff := failure.Backoff{Least: 50 * time.Millisecond, Most: time.Second}
	started := time.Now()
	for failures := 1; ; failures++ {
		err := classify(d.pool.AcquireFunc(ctx, attempt))
		if err == nil || ctx.Err() != nil || errors.Is(err, postgres.ErrOutcomeUnknown) || !failure.Of(err).Retryable() || time.Since(started) > retryFor {
			return err
		}
		select {
		case <-time.After(backoff.After(failures)):
		case <-ctx.Done():
			return err
		}
	}
}

// classify gives errors about a statement the class Data, as in PostgreSQL, and those of a conflict Transient.
func classify(err error) error {
	var reported *pgconn.PgError
	switch {
	case !errors.As(err, &reported):
	case strings.Contains(reported.Message, conflictText):
		return failure.Wrap(failure.Transient, err)
	case strings.HasPrefix(reported.Code, "42"), strings.HasPrefix(reported.Code, "2B"), reported.Code == "25006": // in a read-only transaction
		return failure.Wrap(failure.Data, err)
	}
	return postgres.Classify(err)
}
