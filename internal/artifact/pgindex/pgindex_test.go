// Tests of the PostgreSQL index: the conformance suites on a real server, and what only this index has.

package pgindex_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"bursar/internal/artifact"
	"bursar/internal/artifact/indextest"
	"bursar/internal/artifact/pgindex"
	"bursar/internal/failure"
	"bursar/internal/postgres"
	"bursar/internal/postgres/postgrestest"
)

var orders = artifact.Space{Pipeline: "orders", Generation: 1}

const allRuns = ^uint64(0)

func TestIndex(t *testing.T) {
	t.Parallel()
	indextest.Run(t, opener(postgrestest.URL(t)))
}

func TestSharedIndex(t *testing.T) {
	t.Parallel()
	indextest.RunShared(t, opener(postgrestest.URL(t)))
}

// opener opens the index in a schema for each folder.
func opener(location string) indextest.Opener {
	return func(t *testing.T, dir string) artifact.Index {
		t.Helper()
		return open(t, location, schemaOf(dir))
	}
}

func schemaOf(dir string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(dir))
	return fmt.Sprintf("s%x", h.Sum64())
}

// open opens an index that the caller closes.
func open(t testing.TB, location, schema string) *pgindex.Index {
	t.Helper()
	x, err := pgindex.Open(context.Background(), pgindex.Config{Postgres: postgres.Config{URL: location, Schema: schema}})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// start opens an index with a few rows in each message, and closes it at the end of the test.
func start(t *testing.T, location string) *pgindex.Index {
	t.Helper()
	x := open(t, location, "")
	x.SetSmallSizes()
	t.Cleanup(func() { _ = x.Close() })
	return x
}

// TestFindAmongManyVersions finds keys of which two have more versions than are read to find their neighbours, also as of runs
// before those, and keys far apart.
func TestFindAmongManyVersions(t *testing.T) {
	t.Parallel()
	x := start(t, postgrestest.URL(t))
	var keys, want []string
	for c := 'a'; c <= 'z'; c++ {
		keys, want = append(keys, string(c)), append(want, string(c)+"@1")
	}
	indextest.Load(t, x, orders, 1, keys...)
	for run := uint64(2); run <= 30; run++ {
		indextest.Load(t, x, orders, run, "b", "p")
	}
	for _, asOf := range []uint64{1, 15, 30} {
		if asOf > 1 {
			want[1], want[15] = fmt.Sprint("b@", asOf), fmt.Sprint("p@", asOf)
		}
		got, err := indextest.Find(x, orders, asOf, keys...)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("as of run %d: %q, %v", asOf, got, err)
		}
		if got, err := indextest.Find(x, orders, asOf, "a", "c", "~"); err != nil || !slices.Equal(got, []string{"a@1", "c@1"}) {
			t.Errorf("as of run %d: %q, %v", asOf, got, err)
		}
	}
}

// TestSmallSizes: a load of several chunks, a find of several batches, a scan, a history and loads of several pages.
func TestSmallSizes(t *testing.T) {
	t.Parallel()
	x := start(t, postgrestest.URL(t))
	keys := strings.Split("abcdefghijklmnopqrstuvwxyz", "")
	for run := uint64(1); run <= 7; run++ {
		indextest.Load(t, x, orders, run, keys[run:run*3]...)
	}
	var want []string
	for i, key := range keys[1:21] {
		want = append(want, fmt.Sprintf("%s@%d", key, min(7, i+1)))
	}
	got, err := indextest.Scan(x, orders, 7)
	same(t, got, err, want)
	got, err = indextest.Find(x, orders, 7, keys...)
	same(t, got, err, want)
	got, err = indextest.History(x, orders, 6, "h")
	same(t, got, err, []string{"h@6", "h@5", "h@4", "h@3"})
	got, err = indextest.Loads(x, orders)
	same(t, got, err, []string{"7:14", "6:12", "5:10", "4:8", "3:6", "2:4", "1:2"})
}

func same(t *testing.T, got []string, err error, want []string) {
	t.Helper()
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

// TestRoundTrips: a read of one key waits for the network once.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	proxy, location := postgrestest.NewProxy(t, postgrestest.URL(t))
	x := open(t, location, "")
	defer x.Close()
	indextest.Load(t, x, orders, 1, "a", "b")
	reads := map[string]func() ([]string, error){
		"history": func() ([]string, error) { return indextest.History(x, orders, 1, "a") },
		"find":    func() ([]string, error) { return indextest.Find(x, orders, 1, "a") },
		"find of an absent key": func() ([]string, error) {
			got, err := indextest.Find(x, orders, 1, "ab")
			return append(got, "a@1"), err
		},
		"scan of a few": func() ([]string, error) {
			got, err := indextest.Scan(x, orders, 1)
			return got[:1], err
		},
	}
	for name, read := range reads {
		least := 100
		for range 10 { // the first call prepares the statement
			proxy.Fail(0, postgrestest.CutBefore)
			got, err := read()
			same(t, got, err, []string{"a@1"})
			least = min(least, proxy.RoundTrips())
		}
		if least != 1 {
			t.Errorf("%s: %d round trips, want 1", name, least)
		}
	}
}

// tableOf returns the name of the table of orders.
func tableOf(t *testing.T, conn *pgx.Conn) (table string) {
	t.Helper()
	if err := conn.QueryRow(context.Background(), `SELECT entries FROM index_spaces WHERE pipeline = 'orders'`).Scan(&table); err != nil {
		t.Fatal(err)
	}
	return table
}

func connect(t *testing.T, location string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), postgrestest.WithSetting(t, location, "search_path", "bursar"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// TestDamage: every read notices a changed row.
func TestDamage(t *testing.T) {
	t.Parallel()
	location := postgrestest.URL(t)
	x, conn := start(t, location), connect(t, location)
	indextest.Load(t, x, orders, 1, "a", "b", "c")
	indextest.Load(t, x, orders, 2, "b")
	for _, change := range []string{
		`part = part + 1`, `"offset" = "offset" + 1`, `length = length - 1`, `crc = crc + 1`, `run = 3`,
	} {
		table := tableOf(t, conn)
		if _, err := conn.Exec(t.Context(), `UPDATE `+table+` SET `+change+` WHERE key = 'b' AND run = 2`); err != nil {
			t.Fatal(err)
		}
		_, scan := indextest.Scan(x, orders, 9)
		_, find := indextest.Find(x, orders, 9, "a", "b")
		_, history := indextest.History(x, orders, 9, "b")
		for _, err := range []error{scan, find, history} {
			if !errors.Is(err, artifact.ErrIndexDamaged) || failure.Of(err) != failure.Data {
				t.Errorf("%s: %v, want damage", change, err)
			}
		}
		if err := x.Drop(t.Context(), orders); err != nil {
			t.Fatal(err)
		}
		indextest.Load(t, x, orders, 2, "b")
	}
	if _, err := conn.Exec(t.Context(), `UPDATE `+tableOf(t, conn)+` SET key = 'bb'`); err != nil {
		t.Fatal(err)
	}
	if _, err := indextest.Scan(x, orders, 9); !errors.Is(err, artifact.ErrIndexDamaged) {
		t.Errorf("another key: %v, want damage", err)
	}
}

// TestPlans: the plan of a query does not depend on statistics. A table that was just loaded has none.
func TestPlans(t *testing.T) {
	t.Parallel()
	location := postgrestest.URL(t)
	x, conn := open(t, location, ""), connect(t, location)
	defer x.Close()
	for name, value := range pgindex.Settings {
		if _, err := conn.Exec(t.Context(), `SELECT set_config($1, $2, false)`, name, value); err != nil {
			t.Fatal(err)
		}
	}
	for n := 10; n <= 30_000; n *= 55 {
		if err := x.Load(t.Context(), orders, uint64(n), indextest.Numbered("k", n, uint64(n))); err != nil {
			t.Fatal(err)
		}
		for i, query := range pgindex.Queries {
			args := [][]any{{[][]byte{[]byte("k")}, int64(9)}, {[]byte("k"), []byte("l"), 24576}, {[]byte("k"), int64(9), 8192}, {[]byte("k"), int64(9), 16}}[i]
			plan := explain(t, conn, fmt.Sprintf(query, tableOf(t, conn)), args)
			if !strings.Contains(plan, "Index Scan using") || strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "Sort") {
				t.Errorf("%d entries:\n%s", n, plan)
			}
		}
	}
}

func explain(t *testing.T, conn *pgx.Conn, query string, args []any) string {
	t.Helper()
	rows, err := conn.Query(t.Context(), "EXPLAIN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// TestNothingIsRewritten: a repeated load writes no row, so vacuum has nothing to remove.
func TestNothingIsRewritten(t *testing.T) {
	t.Parallel()
	location := postgrestest.URL(t)
	x, conn := open(t, location, ""), connect(t, location)
	defer x.Close()
	rows := func() (versions string) {
		err := conn.QueryRow(t.Context(), `SELECT string_agg(concat(ctid, xmin, '/', xmax), ' ') FROM `+tableOf(t, conn)).Scan(&versions)
		if err != nil {
			t.Fatal(err)
		}
		return versions
	}
	indextest.Load(t, x, orders, 1, "a", "b", "c")
	before := rows()
	indextest.Load(t, x, orders, 1, "a", "b", "c")
	if after := rows(); after != before || strings.Count(after, "/0") != 3 {
		t.Errorf("rows %s, before the repeated load %s", after, before)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	location := postgrestest.URL(t)
	config := pgindex.Config{Postgres: postgres.Config{URL: location}}
	if report, err := pgindex.Check(t.Context(), config); err != nil || report.SchemaVersion != 0 {
		t.Errorf("an empty database: %+v, %v", report, err)
	}
	x, conn := start(t, location), connect(t, location)
	indextest.Load(t, x, orders, 1, "a")
	if report, err := pgindex.Check(t.Context(), config); err != nil || report.SchemaVersion != 1 || report.RoundTrip <= 0 {
		t.Errorf("an index: %+v, %v", report, err)
	}
	role := "index_reader"
	for _, statement := range []string{
		`DROP ROLE IF EXISTS ` + role, `CREATE ROLE ` + role, `GRANT USAGE, CREATE ON SCHEMA bursar TO ` + role,
		`GRANT SELECT, INSERT, UPDATE, DELETE ON bursar_schema, index_loads TO ` + role, `GRANT SELECT ON index_spaces TO ` + role,
	} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { postgrestest.ExecIn(t, location, `DROP OWNED BY `+role, `DROP ROLE `+role) })
	reader := pgindex.Config{Postgres: postgres.Config{URL: postgrestest.WithSetting(t, location, "role", role)}}
	report, err := pgindex.Check(t.Context(), reader)
	if failure.Of(err) != failure.Data || !slices.Contains(report.Missing, `INSERT ON "bursar"."index_spaces"`) {
		t.Errorf("check of a reader: %v, %v", report.Missing, err)
	}
	postgrestest.ExecIn(t, location, `UPDATE bursar.bursar_schema SET version = 99`)
	newer := (*postgres.SchemaError)(nil)
	if _, err := pgindex.Check(t.Context(), config); !errors.As(err, &newer) {
		t.Errorf("check of newer tables: %v", err)
	}
	if _, err := pgindex.Open(t.Context(), config); !errors.As(err, &newer) {
		t.Errorf("open newer tables: %v", err)
	}
}

// killedURL names the database into which the test's child process loads until it kills itself.
const killedURL = "BURSAR_TEST_KILLED_URL"

// TestKilledLoad: a load of a killed process leaves nothing, and holds up no other.
func TestKilledLoad(t *testing.T) {
	if location := os.Getenv(killedURL); location != "" {
		loadAndDie(t, location)
	}
	t.Parallel()
	location := postgrestest.URL(t)
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledLoad$")
	child.Env = append(os.Environ(), killedURL+"="+location)
	if out, err := child.CombinedOutput(); err == nil || child.ProcessState.Exited() {
		t.Fatalf("the child ended by itself: %v\n%s", err, out)
	}
	x := start(t, location)
	got, err := indextest.Scan(x, orders, allRuns)
	same(t, got, err, []string{"a@1"})
	if err := x.Load(t.Context(), orders, 2, indextest.Numbered("k", 20, 2)); err != nil {
		t.Fatal(err)
	}
	got, err = indextest.Loads(x, orders)
	same(t, got, err, []string{"2:20", "1:1"})
}

func loadAndDie(t *testing.T, location string) {
	t.Helper()
	x := start(t, location)
	indextest.Load(t, x, orders, 1, "a")
	next, n := indextest.Numbered("k", 20, 2), 0
	err := x.Load(t.Context(), orders, 2, func() (artifact.Entry, bool, error) {
		if n++; n == 18 { // after four chunks
			self, err := os.FindProcess(os.Getpid())
			if err == nil {
				err = self.Kill()
			}
			if err != nil {
				t.Fatal(err)
			}
			select {} // until the kill arrives
		}
		return next()
	})
	t.Fatal("the load ended", err)
}
