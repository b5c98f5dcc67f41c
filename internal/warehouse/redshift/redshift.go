// Package redshift is a warehouse in a schema of an Amazon Redshift database. Rows arrive by COPY from objects in S3 that a manifest lists.
//
// It is written to Redshift's manual and is not run on Redshift by the tests: they run it on a PostgreSQL server behind a process that
// executes COPY from a manifest (redshifttest).
package redshift

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/postgres"
	"bursar/internal/warehouse"
)

const (
	// nameLimit is the most bytes of a name.
	nameLimit = 127
	// maxVarchar is the most bytes of a VARCHAR.
	maxVarchar = 65535

	defaultSchema = "warehouse"
	connections   = 4
	retryFor      = 15 * time.Second
)

// Config says where the database is, and where rows are put for COPY.
type Config struct {
	URL    string // a connection URL
	Schema string // empty: warehouse
	// Objects are those of ObjectsURL, s3://bucket/prefix/, which the database reads with the rights of CopyRole, the ARN of an IAM role.
	Objects    object.Store
	ObjectsURL string
	CopyRole   string
}

// Database is a warehouse in Redshift.
type Database struct {
	pool      *pgxpool.Pool
	config    Config
	nameLimit int
}

var _ warehouse.Database = (*Database)(nil)

// Open connects to the database and creates the schema, and the table by which transactions that write take turns, if they are missing.
func Open(ctx context.Context, c Config) (*Database, error) {
	c.Schema = cmp.Or(c.Schema, defaultSchema)
	parsed, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, failure.Wrap(failure.Data, errors.New("open Redshift: the connection URL is not valid")) // err has the password
	}
	// Redshift knows no prepared statements of the protocol that last, and fewer settings than PostgreSQL.
	parsed.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	parsed.ConnConfig.RuntimeParams = map[string]string{"application_name": "bursar"}
	parsed.MaxConns = connections
	parsed.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error { return prepare(ctx, conn, c.Schema) }
	pool, err := pgxpool.NewWithConfig(ctx, parsed)
	if err != nil {
		return nil, fmt.Errorf("open Redshift: %w", postgres.Classify(err))
	}
	d := &Database{pool, c, nameLimit}
	if err := d.retry(ctx, func(conn *pgxpool.Conn) error { _, err := conn.Exec(ctx, createLock); return err }); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open Redshift: %w", err)
	}
	return d, nil
}

// prepare creates the schema, and makes it that of the session.
func prepare(ctx context.Context, conn *pgx.Conn, schema string) error {
	quoted := column.QuoteIdentifier(schema)
	for _, sql := range []string{"CREATE SCHEMA IF NOT EXISTS " + quoted, "SET search_path TO " + quoted, "SET timezone TO 'UTC'", "SET datestyle TO 'ISO, YMD'"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// lockTable is locked by transactions that write.
const (
	lockTable  = "bursar_write_lock"
	createLock = "CREATE TABLE IF NOT EXISTS " + lockTable + " (nothing INTEGER)"
)

// Close closes all connections.
func (d *Database) Close() error {
	d.pool.Close()
	return nil
}

// Name returns a name as Redshift stores it.
func (d *Database) Name(name string) string { return warehouse.Shorten(name, d.nameLimit) }

// Type returns Redshift's name of a type.
func (d *Database) Type(t column.Type) string {
	switch t.Kind {
	case column.Bool:
		return "boolean"
	case column.Int:
		return "integer"
	case column.BigInt:
		return "bigint"
	case column.Decimal:
		return fmt.Sprintf("numeric(%d,%d)", t.Precision, t.Scale)
	case column.Date:
		return "date"
	case column.Timestamp:
		return "timestamp with time zone"
	case column.JSON:
		return "super"
	}
	return fmt.Sprintf("character varying(%d)", maxVarchar)
}

// Write takes turns with the other processes' by a lock of a table.
func (d *Database) Write(ctx context.Context, fn func(context.Context, warehouse.Tx) error) error {
	err := d.transaction(ctx, "BEGIN READ WRITE", func(t *tx) error {
		if _, err := t.Exec(ctx, "LOCK TABLE "+lockTable); err != nil {
			return err
		}
		return fn(ctx, t)
	})
	if errors.Is(err, postgres.ErrOutcomeUnknown) {
		err = fmt.Errorf("%w: %w", warehouse.ErrOutcomeUnknown, err)
	}
	return err
}

// Read sees the state at its first query. A Write that replaces, drops or changes a table waits until reads that have used this table are over.
func (d *Database) Read(ctx context.Context, fn func(context.Context, warehouse.Reader) error) error {
	return d.transaction(ctx, "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY", func(t *tx) error { return fn(ctx, t) })
}

func (d *Database) transaction(ctx context.Context, begin string, fn func(*tx) error) error {
	return d.retry(ctx, func(conn *pgxpool.Conn) error {
		t, err := conn.BeginTx(ctx, pgx.TxOptions{BeginQuery: begin})
		if err != nil {
			return err
		}
		defer func() { _ = t.Rollback(context.WithoutCancel(ctx)) }() // a no-op after Commit
		if err := fn(&tx{db: d, tx: t}); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err // known: nothing is committed
		}
		committing, cancel := postgres.CommitContext(ctx)
		defer cancel()
		return postgres.CommitError(t.Commit(committing))
	})
}

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
