// Package pgcatalog is the catalog in a PostgreSQL database, for any number of processes on any number of machines. It owns the
// table of documents and the change feed between processes. It guarantees the contract of catalog.Catalog, with transactions that
// are serializable and repeated where PostgreSQL asks for it. It must not know what the documents contain.
//
// The unit of cost is a round trip to the server; statements are sent together where they can be:
//
//	View with one Get                     1: BEGIN and the read; nobody waits for the end
//	View with n Gets or pages             n + 1: a serializable read counts when its transaction is committed
//	Update with n Puts, no read           1: BEGIN, the writes, the notification and COMMIT
//	Update with a Get and n Puts          2: BEGIN and the read; the writes, the notification and COMMIT
//	any transaction that calls nothing    0
//
// Two things add to this: a connection that was idle for over a second is tested first, and each statement is prepared once in
// each connection.
package pgcatalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"bursar/internal/catalog"
	"bursar/internal/postgres"
)

// component is the version of the table. Keys are compared by bytes. Space is left in each page, so that a document that is often
// written stays in its page and needs no new entry in the index, which would conflict with readers of its neighbours.
var component = postgres.Component{
	Name: "catalog", Version: 1, Tables: []string{"documents", "claim"},
	Create: `CREATE TABLE documents (key text COLLATE "C" PRIMARY KEY, value text NOT NULL, sum bigint NOT NULL) WITH (fillfactor = 70);
		CREATE TABLE claim (number bigint PRIMARY KEY); INSERT INTO claim VALUES (0)`,
}

// settings make PostgreSQL find documents by the index also while the table is small: a scan of the table would conflict with
// every writer.
var settings = map[string]string{"enable_seqscan": "off", "enable_bitmapscan": "off", "plan_cache_mode": "force_generic_plan"}

// connections is how many connections the reader and the writer pool each open, unless the configuration says otherwise.
const connections = 6

// Catalog is a catalog.Catalog. Reads and writes have their own connections, so that a View within which an Update runs does not
// wait for itself.
type Catalog struct {
	reader, writer *postgres.Pool
	retries        chan struct{} // has room for one: repeated updates of this process run one at a time
	feed           catalog.Feed
	listener       listener
	stop           context.CancelFunc
	claimed        atomic.Int64 // the number of the claim that this process has, or has joined after; or unclaimed
	listening      sync.WaitGroup
}

// Open opens the catalog and creates or upgrades its table. Before it creates the schema or the table it calls mayCreate, which may be nil,
// and creates nothing if that returns an error. ctx bounds the opening only.
func Open(ctx context.Context, config postgres.Config, mayCreate func(context.Context) error) (*Catalog, error) {
	return open(ctx, config, heartbeat, mayCreate)
}

// OpenExisting opens a catalog to read it. It writes nothing and has no change feed; it returns nil if the tables do not exist.
func OpenExisting(ctx context.Context, config postgres.Config) (*Catalog, error) {
	pool, err := postgres.Open(ctx, tuned(config))
	if err != nil {
		return nil, fmt.Errorf("open catalog: %w", err)
	}
	if version, err := pool.Version(ctx, component.Name); err != nil || version == 0 {
		pool.Close()
		return nil, err
	}
	c := newCatalog()
	c.reader, c.writer = pool, pool
	return c, nil
}

// newCatalog returns a catalog without connections.
func newCatalog() *Catalog {
	c := &Catalog{retries: make(chan struct{}, 1), stop: func() {}}
	c.claimed.Store(unclaimed)
	return c
}

// tuned returns a configuration with the settings of the catalog's sessions.
func tuned(config postgres.Config) postgres.Config {
	all := maps.Clone(settings)
	maps.Copy(all, config.Settings)
	config.Settings = all
	if config.Connections == 0 {
		config.Connections = connections
	}
	return config
}

func open(ctx context.Context, config postgres.Config, every time.Duration, mayCreate func(context.Context) error) (*Catalog, error) {
	config = tuned(config)
	c := newCatalog()
	var err error
	if c.writer, err = postgres.Open(ctx, config); err != nil {
		return nil, fmt.Errorf("open catalog: %w", err)
	}
	tables := component
	tables.MayCreate = mayCreate
	if err = c.writer.Migrate(ctx, tables); err == nil {
		c.reader, err = postgres.Open(ctx, config)
	}
	if err != nil {
		c.writer.Close()
		return nil, fmt.Errorf("open catalog: %w", err)
	}
	c.listen(every)
	return c, nil
}

// Close ends the change feed, waits for running transactions and closes the connections.
func (c *Catalog) Close() error {
	c.stop()
	c.listening.Wait()
	c.reader.Close()
	c.writer.Close()
	return nil
}

// Update runs fn, and again if another transaction was in the way. fn's writes are kept in memory and sent with the commit.
func (c *Catalog) Update(ctx context.Context, fn func(catalog.Tx) error) error {
	var t *tx
	repeated := false
	// Also when fn panics. Own changes are signalled also after an error, as the commit may have succeeded.
	defer func() {
		if t != nil {
			t.written.Report(&c.feed)
		}
		if repeated {
			c.leave()
		}
	}()
	// Updates of the same document would all meet again. Who waits here must not have a connection: the others need one.
	before := func(ctx context.Context) error {
		if repeated {
			return nil
		}
		err := c.queue(ctx)
		repeated = err == nil
		return err
	}
	err := c.writer.RetryAfter(ctx, before, func(ctx context.Context, conn *pgxpool.Conn) error {
		t = &tx{ctx: ctx, conn: conn.Conn(), begin: beginUpdate, channel: c.channel(), claimed: c.claimed.Load()}
		return t.run(fn)
	})
	return asOutcome(err)
}

// queue waits until no other update of this process is repeated.
func (c *Catalog) queue(ctx context.Context) error {
	select {
	case c.retries <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Catalog) leave() { <-c.retries }

// View runs fn on the state at its first read, and again if that state was not one that the updates produced one after the other.
func (c *Catalog) View(ctx context.Context, fn func(catalog.Tx) error) error {
	return c.view(ctx, beginView, func(t *tx) error { return fn(t) })
}

func (c *Catalog) view(ctx context.Context, begin string, fn func(*tx) error) error {
	return c.reader.Retry(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		t := &tx{ctx: ctx, conn: conn.Conn(), begin: begin, readOnly: true}
		return t.run(func(catalog.Tx) error { return fn(t) })
	})
}

// Verify reads all documents and compares them with their checksums, and the number of them in the index with that in the table.
// It returns their number. Writers do not notice it.
func (c *Catalog) Verify(ctx context.Context) (documents int, err error) {
	// A snapshot is enough: nothing is concluded from more than one document.
	err = c.view(ctx, beginSnapshot, func(t *tx) error {
		documents = 0
		if err := t.List("", func(string, json.RawMessage) error { documents++; return nil }); err != nil {
			return err
		}
		inTable, err := t.countTable()
		if err == nil && inTable != documents {
			err = damaged("", fmt.Errorf("the index of documents has %d entries, the table %d rows", documents, inTable))
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("verify catalog: %w", err)
	}
	return documents, nil
}

// asOutcome adds the catalog's sentinel to that of package postgres.
func asOutcome(err error) error {
	if errors.Is(err, postgres.ErrOutcomeUnknown) {
		return &unknownOutcome{err}
	}
	return err
}

// unknownOutcome is an error that is catalog.ErrOutcomeUnknown, too.
type unknownOutcome struct{ error }

func (e *unknownOutcome) Unwrap() []error { return []error{e.error, catalog.ErrOutcomeUnknown} }

// damaged returns the error for stored data that is not as it was written.
func damaged(key string, err error) error {
	return &catalog.DamagedError{Key: key, Err: err, Next: "restore the database from a backup"}
}
