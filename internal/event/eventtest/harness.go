// Package eventtest gives the tests of the packages under event a stream with its stores, and short ways to ingest, retract and
// verify. It is for tests only.
package eventtest

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/dedupe"
	"bursar/internal/event/identity"
	"bursar/internal/event/ids"
	"bursar/internal/event/intake"
	"bursar/internal/event/live"
	"bursar/internal/event/live/answers"
	"bursar/internal/event/live/spool"
	"bursar/internal/object"
	"bursar/internal/project"

	"github.com/zeebo/xxh3"
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
	Spools spool.Store // of the stream
	Stream *project.Stream
}

// New returns a harness whose stream is declared by yaml.
func New(t testing.TB, yaml string) *Harness {
	t.Helper()
	h := &Harness{T: t, Dir: t.TempDir(), Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	records, err := catalog.OpenSQLite(filepath.Join(h.Dir, "catalog.db"))
	h.must(err)
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
	h.Store.Secret, err = ids.OpenSecret(t.Context(), records, identity.InFile(filepath.Join(h.Dir, "identity.key")))
	h.must(err)
	h.Spools = spool.Folders(filepath.Join(h.Dir, "spool")).Of("sales")
	h.Declare(yaml)
	return h
}

// Share makes the stores those of a project that several machines may use: spools are objects.
func (h *Harness) Share() *Harness {
	h.Store.Shared, h.Spools = true, spool.InObjects(h.Store.Objects).Of("sales")
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

// Index reads the stream's state.
func (h *Harness) Index() event.StreamState {
	h.T.Helper()
	state, _, err := h.Store.ReadState(h.T.Context(), "sales")
	h.must(err)
	return state
}

// PutIndex writes what the state of an older stream has.
func (h *Harness) PutIndex(s event.StreamState) {
	h.T.Helper()
	older := event.StreamState{Batches: s.Batches, Files: s.Files, Merges: s.Merges, Columns: s.Columns}
	older.DedupeTables, older.Identity = s.DedupeTables, s.Identity
	h.must(h.Store.Catalog.Update(h.T.Context(), func(tx catalog.Tx) error { return event.PutState(tx, "sales", &older) }))
}

// VerifyIndex verifies the dedupe index.
func (h *Harness) VerifyIndex() error { return ids.Verify(h.T.Context(), h.Store, h.Stream) }

// RebuildIndex rebuilds the dedupe index and verifies it.
func (h *Harness) RebuildIndex() {
	h.T.Helper()
	h.must(ids.Rebuild(h.T.Context(), h.Store, h.Stream))
	h.must(h.VerifyIndex())
}

// MakeOlder turns the stream's index into one of the version before keys and checksums of pages. Without a batch it becomes
// one of a single table without entries, so that the batches to come have no key.
func (h *Harness) MakeOlder() {
	h.T.Helper()
	state := h.Index()
	if len(state.DedupeTables) == 0 {
		state.DedupeTables = []dedupe.TableInfo{{Name: "streams/sales/memory/00000000", Digest: "new"}}
		end := make([]byte, 56)
		h.File("objects/"+state.DedupeTables[0].Name, string(make([]byte, 8))+string(end))
	}
	for i, table := range state.DedupeTables {
		if table.Digest == "" {
			continue
		}
		b, err := os.ReadFile(h.Object(table.Name))
		h.must(err)
		end := b[len(b)-56:]
		body := b[:table.Entries*33+4*(1<<binary.LittleEndian.Uint32(end[8:])+1)]
		binary.LittleEndian.PutUint32(end[12:], 1)
		binary.LittleEndian.PutUint64(end[32:], xxh3.Hash(body))
		binary.LittleEndian.PutUint64(end[40:], xxh3.Hash(end[:40]))
		copy(end[48:], "BURSMEM\x01")
		h.File("objects/"+table.Name, string(body)+string(end))
		table.Digest, table.Bytes = "", 0
		state.DedupeTables[i] = table
	}
	state.Identity = ""
	h.PutIndex(state)
}

// StartLive opens live intake of the stream, which seals nothing by itself, and closes it with the test.
func (h *Harness) StartLive(o live.Options) *live.Intake {
	h.T.Helper()
	l, err := h.OpenLive(o)
	h.must(err)
	h.T.Cleanup(func() {
		if err := l.Close(context.Background()); err != nil {
			h.T.Error(err)
		}
	})
	return l
}

// OpenLive opens live intake that seals after an hour unless o says otherwise.
func (h *Harness) OpenLive(o live.Options) (*live.Intake, error) {
	if o.Spool == nil {
		o.Spool = h.Spools
	}
	if o.Window == 0 {
		o.Window = time.Hour
	}
	return live.Open(h.T.Context(), h.Store, h.Stream, o)
}

// SpoolFile returns the file of the first spool, if spools are files.
func (h *Harness) SpoolFile() string { return h.Spools.Place(spool.ID{Number: 1}) }

// Accept sends a request and expects "rows accepted duplicates quarantined", and "again" for a repeated answer.
func (h *Harness) Accept(l *live.Intake, key, body, want string) answers.Answer {
	h.T.Helper()
	a, err := l.Accept(h.T.Context(), live.Request{Key: key, Body: []byte(body)})
	h.must(err)
	got := fmt.Sprint(a.Rows, a.Accepted, a.Duplicates, a.Quarantined)
	if a.Repeated {
		got += " again"
	}
	if got != want {
		h.T.Errorf("rows, accepted, duplicates, quarantined are %q, want %q", got, want)
	}
	return a
}

// Seal seals the open batch.
func (h *Harness) Seal(l *live.Intake) {
	h.T.Helper()
	h.must(l.Seal(h.T.Context()))
}

// ExpectBatches expects all batches as "batch: rows accepted duplicates quarantined".
func (h *Harness) ExpectBatches(want ...string) {
	h.T.Helper()
	var got []string
	for _, b := range h.Batches() {
		got = append(got, fmt.Sprintf("%d: %d %d %d %d", b.Batch, b.Rows, b.Accepted, b.Duplicates, b.Quarantined))
	}
	if !reflect.DeepEqual(got, want) {
		h.T.Errorf("batches are %q, want %q", got, want)
	}
}
