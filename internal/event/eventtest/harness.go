// Package eventtest gives the tests of the packages under event a stream with its stores, and short ways to ingest, retract and
// verify. It is for tests only.
package eventtest

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/identity"
	"bursar/internal/event/ids"
	"bursar/internal/event/intake"
	"bursar/internal/object"
	"bursar/internal/project"
)

// SalesYAML declares a stream with a filtered total.
const SalesYAML = `
stream: sales
format: jsonl
id: id
columns:
  id: {type: string}
  kind: {type: string, in: [sale, refund]}
  amount: {type: "decimal(18,2)"}
  currency: {type: string}
  note: {type: string, optional: true}
totals:
  amount: {sum: amount, by: currency}
  refunds: {sum: amount, where: "kind = 'refund'"}
`

// PlainYAML computes nothing in SQL, so an intake of it is quick.
var PlainYAML = strings.Replace(SalesYAML, "  refunds: {sum: amount, where: \"kind = 'refund'\"}\n", "", 1)

// Harness is the stores of an intake, and the stream as it is declared now.
type Harness struct {
	T      testing.TB
	Dir    string
	Now    time.Time
	Store  *event.Store
	Stream *project.Stream
}

// New returns a harness whose stream is declared by yaml.
func New(t testing.TB, yaml string) *Harness {
	t.Helper()
	h := &Harness{T: t, Dir: t.TempDir(), Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	records, err := catalog.OpenSQLite(filepath.Join(h.Dir, "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := records.Close(); err != nil {
			t.Error(err)
		}
	})
	h.Store = &event.Store{
		Objects: object.NewFolder(filepath.Join(h.Dir, "objects")), Catalog: records, Scratch: t.TempDir(), Workers: 2,
		Now: func() time.Time { return h.Now }, Log: slog.New(slog.DiscardHandler),
	}
	h.Store.Duck.Threads, h.Store.Duck.Scratch, h.Store.Duck.Dirs = 1, h.Store.Scratch, []string{h.Dir}
	if h.Store.Secret, err = ids.OpenSecret(t.Context(), records, identity.InFile(filepath.Join(h.Dir, "identity.key"))); err != nil {
		t.Fatal(err)
	}
	h.Declare(yaml)
	return h
}

func (h *Harness) must(err error) {
	h.T.Helper()
	if err != nil {
		h.T.Fatal(err)
	}
}

// Declare changes the stream's schema.
func (h *Harness) Declare(yaml string) {
	h.T.Helper()
	h.File("project/bursar.yaml", "")
	h.File("project/streams/sales.yaml", yaml)
	p, errs := project.Read(filepath.Join(h.Dir, "project"))
	if len(errs) > 0 {
		h.T.Fatal(errs)
	}
	h.Stream = p.Streams[0]
}

// File writes a file into the test's folder and returns its path.
func (h *Harness) File(name, text string) string {
	h.T.Helper()
	path := filepath.Join(h.Dir, name)
	h.must(os.MkdirAll(filepath.Dir(path), 0o755))
	h.must(os.WriteFile(path, []byte(text), 0o600))
	return path
}

// Ingest ingests files that must be read to their ends, and expects counts "batch rows accepted quarantined duplicates".
func (h *Harness) Ingest(want string, paths ...string) intake.Result {
	h.T.Helper()
	got, err := intake.Ingest(h.T.Context(), h.Store, h.Stream, paths, intake.Options{})
	h.must(err)
	h.Expect(got, want)
	return got
}

// Expect expects counts "batch rows accepted quarantined duplicates".
func (h *Harness) Expect(r intake.Result, want string) {
	h.T.Helper()
	if got := fmt.Sprint(r.Batch, r.Rows, r.Accepted, r.Quarantined, r.Duplicates); got != want {
		h.T.Errorf("batch, rows, accepted, quarantined, duplicates are %s, want %s", got, want)
	}
}

// Batches returns the stream's batches.
func (h *Harness) Batches() []event.Batch {
	h.T.Helper()
	batches, err := event.Batches(h.T.Context(), h.Store.Catalog, h.Stream.Name, 0)
	h.must(err)
	return batches
}

// Sale is one line of JSON.
func Sale(id, kind, amount, currency string) string {
	return fmt.Sprintf(`{"id":%q,"kind":%q,"amount":%q,"currency":%q}`+"\n", id, kind, amount, currency)
}

// Sales is n lines from a first number on.
func Sales(first, n int) string {
	var text strings.Builder
	for i := range n {
		text.WriteString(Sale(fmt.Sprint("payment-", first+i), "sale", "1.00", "EUR"))
	}
	return text.String()
}

// Object returns the path of an object.
func (h *Harness) Object(name string) string { return filepath.Join(h.Dir, "objects", name) }

// Amounts are lines with the amounts of an id's versions.
func Amounts(id string, of ...string) string {
	var text strings.Builder
	for _, amount := range of {
		text.WriteString(Sale(id, "sale", amount, "EUR"))
	}
	return text.String()
}
