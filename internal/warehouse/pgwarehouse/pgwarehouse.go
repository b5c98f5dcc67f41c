// Package pgwarehouse is a warehouse in a schema of a PostgreSQL database, which any number of processes and other programs use at a time.
// Rows arrive by COPY.
package pgwarehouse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"bursar/internal/column"
	"bursar/internal/postgres"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/pgrows"
)

const (
	// nameLimit is the most bytes of a name: PostgreSQL cuts longer ones.
	nameLimit = 63

	defaultSchema = "warehouse"

	// statementTimeout bounds one statement, such as copying a whole table.
	statementTimeout = time.Hour
)

// component creates the schema. The tables in it are created by those who use the warehouse.
var component = postgres.Component{Name: "warehouse", Version: 1}

// Database is a warehouse in PostgreSQL.
type Database struct{ pool *postgres.Pool }

var _ warehouse.Database = (*Database)(nil)

// Open connects to the database and creates the schema if it is missing. By default it has the name warehouse.
func Open(ctx context.Context, c postgres.Config) (*Database, error) {
	pool, err := postgres.Open(ctx, withDefaults(c))
	if err != nil {
		return nil, err
	}
	if err := pool.Migrate(ctx, component); err != nil {
		pool.Close()
		return nil, err
	}
	return &Database{pool}, nil
}

// Check checks, without writing, that the warehouse can be opened with this configuration and used.
func Check(ctx context.Context, c postgres.Config) (postgres.Report, error) {
	return postgres.Check(ctx, withDefaults(c), component)
}

// idleTimeout is the setting of how long a transaction may wait for its client: between two statements an object of the archive is read from a
// bucket, or rows are compressed, which takes as long as a statement may.
const idleTimeout = "idle_in_transaction_session_timeout"

func withDefaults(c postgres.Config) postgres.Config {
	c.Schema = cmp.Or(c.Schema, defaultSchema)
	c.StatementTimeout = cmp.Or(c.StatementTimeout, statementTimeout)
	if !strings.Contains(c.URL, idleTimeout) {
		settings := map[string]string{idleTimeout: strconv.FormatInt(c.StatementTimeout.Milliseconds(), 10)}
		maps.Copy(settings, c.Settings)
		c.Settings = settings
	}
	return c
}

// Close closes all connections.
func (d *Database) Close() error {
	d.pool.Close()
	return nil
}

// Name returns a name as PostgreSQL stores it.
func (d *Database) Name(name string) string { return warehouse.Shorten(name, nameLimit) }

// Type returns PostgreSQL's name of a type.
func (d *Database) Type(t column.Type) string { return pgrows.TypeName(t, "text", "jsonb") }

// takeTurn makes the transactions that write to a schema wait for each other.
const takeTurn = `SELECT pg_advisory_xact_lock(hashtextextended('bursar_warehouse:' || $1, 0))`

// Write takes turns with the other processes' by a lock of the database. Each statement sees what was committed before it began.
func (d *Database) Write(ctx context.Context, fn func(context.Context, warehouse.Tx) error) error {
	err := d.pool.InTransaction(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(ctx context.Context, t pgx.Tx) error {
		if _, err := t.Exec(ctx, takeTurn, d.pool.Schema()); err != nil {
			return err
		}
		return fn(ctx, &tx{db: d, tx: t})
	})
	if errors.Is(err, postgres.ErrOutcomeUnknown) {
		err = fmt.Errorf("%w: %w", warehouse.ErrOutcomeUnknown, err)
	}
	return err
}

// Read sees the state at its first query. A Write that replaces, drops or changes a table waits until reads that have used this table are over.
func (d *Database) Read(ctx context.Context, fn func(context.Context, warehouse.Reader) error) error {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return d.pool.InTransaction(ctx, options, func(ctx context.Context, t pgx.Tx) error { return fn(ctx, &tx{db: d, tx: t, readOnly: true}) })
}

// errUndo ends a transaction of Compare, in which temporary tables are made.
var errUndo = errors.New("undo")

// Compare sees the state at its first query, and makes a Write wait as Read does.
func (d *Database) Compare(ctx context.Context, fn func(context.Context, warehouse.Stager) error) error {
	err := d.pool.InTransaction(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(ctx context.Context, t pgx.Tx) error {
		return cmp.Or(fn(ctx, &tx{db: d, tx: t}), errUndo)
	})
	if errors.Is(err, errUndo) {
		return nil
	}
	return err
}
