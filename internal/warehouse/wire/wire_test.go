// What the tests share: a server of a warehouse with some tables.

package wire

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"bursar/internal/warehouse"
	"bursar/internal/warehouse/duckwarehouse"
)

const testPassword = "correct horse"

// endpoint is a server under test.
type endpoint struct {
	*Server
	db      *duckwarehouse.Database
	address string
	log     *logBuffer
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const tablesSQL = `CREATE TABLE orders (id INTEGER, customer VARCHAR, amount DECIMAL(18,2), big BIGINT, wide DECIMAL(38,10), paid BOOLEAN, day DATE, moment TIMESTAMP, instant TIMESTAMPTZ,
	half DOUBLE, third FLOAT, details JSON, tags VARCHAR[], numbers INTEGER[], key UUID, raw BLOB, clock TIME, small SMALLINT, span INTERVAL)`

const rowsSQL = `INSERT INTO orders VALUES
	(1, 'Ada', 12.30, 9007199254740993, 1234567890123456789012345678.0123456789, true, '2024-02-29', '2024-02-29 23:59:59.000001', '2024-02-29 23:59:59.5+01', 0.5, 0.25, '{"a": [1]}',
		['x', NULL, 'a "b", \c'], [1, 2], '0195e3a1-0000-7000-8000-000000000001', '\x00\xFFa'::BLOB, '13:14:15.5', -7, INTERVAL 1 DAY),
	(2, NULL, -0.05, NULL, NULL, false, '0044-03-15 (BC)', '1969-12-31 00:00:00', NULL, 'inf', '-inf', NULL, [], NULL, NULL, NULL, NULL, NULL, NULL),
	(3, 'O''Neil; -- $1', 0, 0, 0, NULL, NULL, NULL, NULL, 'nan', 1e-30, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`

// serve starts a server of a new warehouse.
func serve(t testing.TB, change func(*Options)) *endpoint {
	t.Helper()
	dir := t.TempDir()
	db, err := duckwarehouse.Open(duckwarehouse.Config{Path: filepath.Join(dir, "warehouse.duckdb"), Scratch: dir, Memory: "300MB", Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	e := &endpoint{db: db, log: &logBuffer{}}
	e.write(t, tablesSQL, rowsSQL, `CREATE TABLE "Odd Name" ("Größe" INTEGER, "select" VARCHAR)`, "CREATE VIEW totals AS SELECT customer, sum(amount) AS amount FROM orders GROUP BY customer")
	o := Options{
		Open: func(context.Context) (Warehouse, error) { return db, nil }, User: "bursar", Password: testPassword, Log: slog.New(slog.NewTextHandler(e.log, nil)),
		Rows: 100_000, Timeout: time.Minute, Connections: 20, loginDelay: time.Millisecond,
	}
	if change != nil {
		change(&o)
	}
	if e.Server, err = New(o); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e.address = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- e.Serve(l) }()
	t.Cleanup(func() {
		e.Stop(0)
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// write executes statements in one transaction of the warehouse.
func (e *endpoint) write(t testing.TB, statements ...string) {
	t.Helper()
	err := e.db.Write(t.Context(), func(ctx context.Context, tx warehouse.Tx) error {
		for _, sql := range statements {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return fmt.Errorf("%s: %w", sql, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// url returns the address for drivers.
func (e *endpoint) url(more string) string {
	return fmt.Sprintf("postgres://bursar:correct%%20horse@%s/warehouse?%s", e.address, more)
}

// connect returns a connection of pgx, which executes statements in the given mode.
func (e *endpoint) connect(t testing.TB, mode pgx.QueryExecMode) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(e.url("sslmode=disable"))
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = mode
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}
