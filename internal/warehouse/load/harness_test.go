// The harness: a load on a folder of objects, with each database.

package load_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/postgres"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/project"
	"bursar/internal/project/projecttest"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/archive"
	"bursar/internal/warehouse/duckwarehouse"
	"bursar/internal/warehouse/load"
	"bursar/internal/warehouse/pgwarehouse"
	"bursar/internal/warehouse/redshift"
	"bursar/internal/warehouse/redshift/redshifttest"
)

// harness is one load.
type harness struct {
	*testing.T
	Dir    string // of the project
	DB     warehouse.Database
	Config load.Config
	YAML   string // of the load
	Now    time.Time
	mu     sync.Mutex
}

// onEach runs a test on DuckDB and on PostgreSQL.
func onEach(t *testing.T, yaml string, test func(h *harness)) {
	t.Helper()
	t.Run("duckdb", func(t *testing.T) {
		t.Parallel()
		test(newHarness(t, openDuck(t, t.TempDir()), yaml))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(newHarness(t, openPostgres(t, postgrestest.URL(t)), yaml))
	})
}

// onAll is onEach, and runs the test on the double of Redshift, too.
func onAll(t *testing.T, yaml string, test func(h *harness)) {
	t.Helper()
	onEach(t, yaml, test)
	if testing.Short() { // under the race detector: a server for each test, and the same code as for PostgreSQL
		return
	}
	t.Run("redshift", func(t *testing.T) {
		t.Parallel()
		test(newHarness(t, openRedshift(t), yaml))
	})
}

func openRedshift(t *testing.T) warehouse.Database {
	t.Helper()
	objects := object.NewFolder(filepath.Join(t.TempDir(), "objects"))
	db, err := redshift.Open(t.Context(), redshift.Config{
		URL: redshifttest.Start(t, objects).URL(), Objects: objects, ObjectsURL: redshifttest.ObjectsURL, CopyRole: redshifttest.CopyRole,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func openDuck(t *testing.T, dir string) warehouse.Database {
	t.Helper()
	db, err := duckwarehouse.Open(duckwarehouse.Config{Path: filepath.Join(dir, "warehouse.duckdb"), Scratch: t.TempDir(), Memory: "300MB", Threads: 2, Files: warmFolder(dir)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// warmFolder is where the database in a folder reads rows of the warm tier.
func warmFolder(dir string) string { return filepath.Join(dir, "warm") }

func openPostgres(t *testing.T, url string) warehouse.Database {
	t.Helper()
	db, err := pgwarehouse.Open(t.Context(), postgres.Config{URL: url, Connections: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func newHarness(t *testing.T, db warehouse.Database, yaml string) *harness {
	t.Helper()
	h := &harness{T: t, Dir: t.TempDir(), DB: db, YAML: yaml, Now: time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC)}
	archiver := &archive.Archiver{
		ProjectID: "project", Objects: object.NewFolder(t.TempDir()), Scratch: t.TempDir(), Duck: duck.Options{Memory: "256MB", Threads: 2}, Now: h.now,
		Open: func(context.Context) (warehouse.Database, error) { return db, nil },
	}
	h.Config = load.Config{
		Database: db, ProjectID: "project", Archive: archiver, Scratch: t.TempDir(), Workers: 2, Now: h.now,
		Source: func(_ context.Context, l *project.Load) (load.Source, error) {
			return load.NewFolder(filepath.Join(h.Dir, l.From)), nil
		},
	}
	return h
}

// now gives every call another time.
func (h *harness) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.Now = h.Now.Add(time.Second)
	return h.Now
}

// File writes an object. Its modification time is that of the harness' clock, so that it differs from that of another version.
func (h *harness) File(name string, lines ...string) {
	h.Helper()
	path := filepath.Join(h.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.Fatal(err)
	}
	text := strings.Join(lines, "\n") + "\n"
	if strings.HasSuffix(name, ".gz") {
		var b strings.Builder
		w := gzip.NewWriter(&b)
		_, _ = w.Write([]byte(text))
		_ = w.Close()
		text = b.String()
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		h.Fatal(err)
	}
	now := h.now()
	if err := os.Chtimes(path, now, now); err != nil {
		h.Fatal(err)
	}
}

func (h *harness) Remove(name string) {
	h.Helper()
	if err := os.Remove(filepath.Join(h.Dir, name)); err != nil {
		h.Fatal(err)
	}
}

// Change changes the declaration.
func (h *harness) Change(from, to string) {
	h.Helper()
	changed := strings.Replace(h.YAML, from, to, 1)
	if changed == h.YAML {
		h.Fatalf("%q is not in the load", from)
	}
	h.YAML = changed
}

func (h *harness) Declared() *project.Load {
	h.Helper()
	name, _, _ := strings.Cut(strings.TrimPrefix(h.YAML, "load: "), "\n")
	p, errs := project.Read(projecttest.Folder(h.T, map[string]string{"warehouse/" + name + ".yaml": h.YAML}))
	projecttest.WantErrors(h.T, errs)
	return p.Load(name)
}

func (h *harness) Run(o load.Options) (load.Result, error) {
	h.Helper()
	return load.New(h.Config).Run(h.Context(), h.Declared(), o)
}

func (h *harness) Verify() load.Verified {
	h.Helper()
	v, err := load.New(h.Config).Verify(h.Context(), h.Declared())
	if err != nil {
		h.Fatal(err)
	}
	return v
}

// Load runs the load without options, and wants "objects rows rejected known" in the result.
func (h *harness) Load(want string) load.Result {
	h.Helper()
	return h.LoadWith(load.Options{}, want)
}

func (h *harness) LoadWith(o load.Options, want string) load.Result {
	h.Helper()
	r, err := h.Run(o)
	if err != nil {
		h.Fatal(err)
	}
	if got := counts(&r); got != want {
		h.Fatalf("objects, rows, rejected, known are %s, want %s", got, want)
	}
	if v := h.Verify(); !v.OK {
		h.Fatalf("after the load: %+v", v)
	}
	return r
}

func counts(r *load.Result) string {
	return fmt.Sprintf("%d %d %d %d", r.Objects, r.Rows, r.Rejected, r.Known)
}

// Fails runs the load and wants an error of class Data with the texts. The warehouse must stay as it is.
func (h *harness) Fails(texts ...string) {
	h.Helper()
	h.FailsAs(failure.Data, texts...)
}

// FailsAs is Fails for an error of another class.
func (h *harness) FailsAs(class failure.Class, texts ...string) {
	h.Helper()
	before := h.State()
	_, err := h.Run(load.Options{})
	if err == nil {
		h.Fatalf("no error, want %q", texts)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			h.Errorf("the error is\n%v\nwithout\n%s", err, text)
		}
	}
	if after := h.State(); after != before {
		h.Errorf("the warehouse was\n%s\nand is\n%s", before, after)
	}
	if failure.Of(err) != class {
		h.Errorf("the class of %v is %s, want %s", err, failure.Of(err), class)
	}
}

// Rows returns the result of a query, a line for each row.
func (h *harness) Rows(sql string) (lines []string) {
	h.Helper()
	lines, err := query(h.Context(), h.DB, sql)
	if err != nil {
		h.Fatalf("%s: %v", sql, err)
	}
	return lines
}

func query(ctx context.Context, db warehouse.Database, sql string) (lines []string, err error) {
	err = db.Read(ctx, func(ctx context.Context, r warehouse.Reader) error {
		lines = nil
		return r.Query(ctx, sql, func(_ []warehouse.Column, rows []column.Vector) error {
			for i := range rows[0].Len() {
				values := make([]string, len(rows))
				for j := range rows {
					values[j] = "NULL"
					if !rows[j].IsNull(i) {
						values[j] = string(rows[j].AppendPlain(nil, i))
					}
				}
				lines = append(lines, strings.Join(values, "|"))
			}
			return nil
		})
	})
	return lines, err
}

// Want compares the result of a query.
func (h *harness) Want(sql string, want ...string) {
	h.Helper()
	if got := h.Rows(sql); !slices.Equal(got, want) {
		h.Errorf("%s:\n%s\nwant\n%s", sql, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Exec changes the warehouse by hand.
func (h *harness) Exec(statements ...string) {
	h.Helper()
	err := h.DB.Write(h.Context(), func(ctx context.Context, tx warehouse.Tx) error {
		for _, sql := range statements {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		h.Fatal(err)
	}
}

// State is the loaded table and the journal as text, without times.
func (h *harness) State() string {
	h.Helper()
	var all strings.Builder
	for _, sql := range []string{
		"SELECT * FROM events ORDER BY _object, _line",
		"SELECT load_number, load, scope, objects, row_count, rejected, finished IS NULL FROM bursar_loads ORDER BY 1",
		"SELECT object, digest, row_count, rejected, load_number, period FROM bursar_load_objects ORDER BY 1",
		"SELECT object, digest, row_count, rejected, load_number, period FROM bursar_load_staged ORDER BY 1",
		"SELECT load_number, object, line, column_name, reason, content FROM bursar_load_rejected ORDER BY 1, 2, 3",
	} {
		lines, err := query(h.Context(), h.DB, sql)
		fmt.Fprintf(&all, "%s: %v\n%s\n", sql, err != nil, strings.Join(lines, "\n"))
	}
	return all.String()
}
