// Package pgindex keeps the index of artifacts in PostgreSQL, for any number of processes on any machines. It owns its tables and
// guarantees what artifact.Index does; each entry has a checksum, which every read compares. It must not know how artifacts are
// made, or which runs are published.
package pgindex

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"bursar/internal/artifact"
	"bursar/internal/failure"
	"bursar/internal/postgres"
)

// Config says where the index is.
type Config struct {
	Postgres postgres.Config
	// Lookups is how many batches of keys one Find looks up at a time, each on a connection of its own. 0: 4.
	Lookups int
}

const defaultLookups = 4

// sizes are how many rows go together.
type sizes struct {
	chunk         int // entries that a load writes at a time
	batch         int // keys that a query looks up
	probe         int // firstProbe
	page          int // rows of a page of a scan, a history or a list of loads
	firstPage     int // of the first page: many callers need only the first rows
	firstVersions int // of the first page of a history: most callers need only the first entry
}

// A chunk bounds the memory of a load, and a row of the server's list of subtransactions is worth 65,536 entries. A batch makes a
// round trip of a millisecond cheap, and takes about ten.
var defaultSizes = sizes{chunk: 1 << 16, batch: 4096, probe: firstProbe, page: 8192, firstPage: 256, firstVersions: 16}

// settings keep the plans of all queries the same, whatever the statistics of a table say: a table that grows a thousandfold in
// one load has none yet, and a scan of the whole table for each key, or a sort of all its rows for each page, takes minutes.
var settings = map[string]string{
	"enable_seqscan":                  "off",
	"enable_bitmapscan":               "off",
	"max_parallel_workers_per_gather": "0",
	"jit":                             "off",
}

// Index is an artifact.Index in PostgreSQL.
type Index struct {
	pool    *postgres.Pool
	lookups int
	sizes   sizes
	tables  sync.Map      // from artifact.Space to the name of its table of entries
	second  chan struct{} // has room for one: the load that has a second connection
}

// Open connects to the database, and creates or upgrades the tables of the index.
func Open(ctx context.Context, c Config) (*Index, error) {
	session := maps.Clone(settings)
	maps.Copy(session, c.Postgres.Settings)
	c.Postgres.Settings, c.Postgres.Untested = session, true
	pool, err := postgres.Open(ctx, c.Postgres)
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	if err := pool.Migrate(ctx, component); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open index: %w", err)
	}
	lookups := c.Lookups
	if lookups <= 0 {
		lookups = defaultLookups
	}
	return &Index{pool: pool, lookups: lookups, sizes: defaultSizes, second: make(chan struct{}, 1)}, nil
}

// Close closes all connections. No call may be in progress.
func (x *Index) Close() error {
	x.pool.Close()
	return nil
}

// Check checks, without writing, that an index can be opened and used: the server answers, the user has the rights, and the tables
// are absent or have a version that this program can use.
func Check(ctx context.Context, c Config) (postgres.Report, error) {
	return postgres.Check(ctx, c.Postgres, component)
}

// errDropped ends a read of a generation that was dropped after its first results. Its class is Transient: the next read finds the
// generation that has replaced it, or nothing.
var errDropped = failure.Wrap(failure.Transient, errors.New("the generation was dropped while it was read; try again"))

// read calls do with the table of a generation, or not at all if there is none. The name is remembered, so that a read of one
// key is one round trip. If the table is gone because another process dropped or replaced the generation, do is called again
// with the current one, unless it has passed on results: begun says so.
func (x *Index) read(ctx context.Context, space artifact.Space, begun *bool, do func(table string) error) error {
	for remembered := true; ; remembered = false {
		table, err := x.table(ctx, space)
		if err != nil || table == "" {
			return err
		}
		err = do(table)
		if !isMissing(err) {
			return err
		}
		x.tables.CompareAndDelete(space, table)
		if *begun {
			return errDropped
		}
		if !remembered {
			return failure.Wrap(failure.Transient, err)
		}
	}
}

// isMissing reports whether err says that a table does not exist.
func isMissing(err error) bool {
	var reported *pgconn.PgError
	return errors.As(err, &reported) && reported.Code == "42P01"
}

// wrap adds to an error what was done with which generation, and that its context had ended: a network error may be all that pgx
// says of that.
func wrap(ctx context.Context, err error, space artifact.Space, format string, args ...any) error {
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
		err = fmt.Errorf("%w: %w", ended, err)
	}
	return fmt.Errorf("%s of %s generation %d: %w", fmt.Sprintf(format, args...), space.Pipeline, space.Generation, postgres.Classify(err))
}
