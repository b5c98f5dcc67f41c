// A project with a scripted institution, whose stores fail where the test wants.

package refresh

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/limit"
	"bursar/internal/catalog"
	"bursar/internal/catalog/catalogtest"
	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/project"
	"bursar/internal/vault"
)

var (
	ref   = account.Ref{Institution: "acme", Account: "checking:42/€"}
	begin = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	rules = account.Rules{Every: time.Hour, AccountDay: 1000}
)

// world is a project with one account.
type world struct {
	*Refresher
	t          *testing.T
	now        time.Time
	faults     *faults
	documents  catalog.Catalog // without faults
	fetch      func(ctx context.Context, l connector.Login, r connector.Request, d connector.Delivery) error
	connection *project.Connection
	asks       chan limit.Ask

	mu       sync.Mutex
	events   map[string]string // by stream and id
	imported map[string]int    // by content
	only     []string          // the institutions of imports
	refused  map[string]string // by content
	onAccept func(stream string)
}

// newWorld returns a project whose institution has a connector of a kind, and whose catalog calls every function twice.
func newWorld(t *testing.T, kind string) *world {
	t.Helper()
	return newWorldWith(t, kind, catalogtest.Twice)
}

// newWorldWith returns a project whose catalog is wrapped.
func newWorldWith(t *testing.T, kind string, wrap func(catalog.Catalog) catalog.Catalog) *world {
	t.Helper()
	sqlite, err := catalog.OpenSQLite(filepath.Join(t.TempDir(), "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sqlite.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{
		t: t, now: begin, faults: &faults{}, documents: wrap(sqlite),
		asks: make(chan limit.Ask, 1000), events: map[string]string{}, imported: map[string]int{}, refused: map[string]string{},
		connection: &project.Connection{
			Kind: kind, Streams: map[string]string{"records": "orders"},
			Limits:  project.Limits{Requests: 1000, Per: time.Minute, Sessions: 8, AccountDay: 1000},
			Refresh: project.Refresh{Every: time.Hour, Since: 90 * 24 * time.Hour},
		},
	}
	dir := t.TempDir()
	w.Refresher = &Refresher{
		Project: &project.Project{Dir: dir, Institutions: []*project.Institution{{Name: "acme", Connection: w.connection}}},
		Objects: faultyStore{object.NewFolder(filepath.Join(dir, "objects")), w.faults}, Scratch: dir,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	w.replace()
	if _, err := w.Accounts.Add(t.Context(), []account.Account{{Ref: ref, Currency: "EUR"}}); err != nil {
		t.Fatal(err)
	}
	return w
}

// replace replaces the refresher, as another process would that knows nothing of this one.
func (w *world) replace() {
	now := func() time.Time { return w.now }
	c := faultyCatalog{w.documents, w.faults}
	w.Refresher = &Refresher{
		Project: w.Project, Objects: w.Objects, Scratch: w.Scratch, Log: w.Log, Now: now,
		Catalog: c, Accounts: &account.Accounts{Catalog: c, Now: now},
		Connectors: map[string]connector.Connector{w.connection.Kind: w},
		Pool:       &limit.Pool{Process: "p", Lease: w.lease},
		Resolve: func(_ string, _ int, _, text string) (vault.Secret, error) {
			return vault.NewSecret(strings.TrimPrefix(text, "vault:")), nil
		},
		Decrypt: func(text string) (vault.Secret, error) {
			return vault.NewSecret(strings.TrimPrefix(text, "encrypted:")), nil
		},
		Import: w.importAll, Accept: w.accept,
	}
}

func (w *world) lease(_ context.Context, _ string, a limit.Ask) (limit.Part, error) {
	w.asks <- a
	return limit.Part{Sessions: 8, Spacing: time.Nanosecond, For: limit.LeaseTime}, nil
}

// importAll counts the files that are imported, by their content.
func (w *world) importAll(_ context.Context, institution string, files []string) (refused []string, err error) {
	if err := w.faults.effect(); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.only = append(w.only, institution)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		w.imported[string(content)]++
		refused = append(refused, w.refused[string(content)])
	}
	return refused, w.faults.effect()
}

// accept keeps events. One that comes again must be the same.
func (w *world) accept(_ context.Context, stream string, lines []byte) (quarantined int64, reason string, err error) {
	if w.onAccept != nil {
		w.onAccept(stream)
	}
	if err := w.faults.effect(); err != nil {
		return 0, "", err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for line := range bytes.Lines(lines) {
		var event struct{ ID string }
		if err := json.Unmarshal(line, &event); err != nil || event.ID == "" {
			w.t.Errorf("event %s of stream %s: %v", line, stream, err)
		}
		key := stream + " " + event.ID
		if before, known := w.events[key]; known && before != string(line) {
			w.t.Errorf("an event comes again as another one:\n%s%s", before, line)
		}
		w.events[key] = string(line)
	}
	return 0, "", w.faults.effect()
}

// LogIn opens a session of the scripted institution.
func (w *world) LogIn(_ context.Context, l connector.Login) (connector.Session, error) {
	return &scriptedSession{w, l}, nil
}

type scriptedSession struct {
	world *world
	login connector.Login
}

func (s *scriptedSession) List(context.Context) ([]connector.Account, error) { return nil, nil }
func (s *scriptedSession) Close(context.Context) error                       { return nil }

func (s *scriptedSession) Fetch(ctx context.Context, r connector.Request, d connector.Delivery) error {
	return s.world.fetch(ctx, s.login, r, d)
}

// begin begins a refresh, and returns its number.
func (w *world) begin() int {
	w.t.Helper()
	a, joined, err := (&account.Accounts{Catalog: w.documents, Now: w.Now}).AskNow(w.t.Context(), ref, rules)
	if err != nil || joined {
		w.t.Fatal(joined, err)
	}
	return a.Refresh
}

// drive takes the steps of a refresh, as its workflow does. again is how often a step may be repeated, each time by another refresher.
func (w *world) drive(number, again int) error {
	var v Visit
	step := func(fn func() error) error {
		err := fn()
		for n := 0; err != nil && n < again; n++ {
			w.faults.end()
			w.replace()
			err = fn()
		}
		return err
	}
	err := step(func() (err error) { v, err = w.Visit(w.t.Context(), ref, number); return err })
	if err != nil || v.Ended || v.Waits {
		return err
	}
	for n := range v.Statements {
		if err := step(func() error { return w.Process(w.t.Context(), ref, number, n) }); err != nil {
			return err
		}
	}
	return step(func() error { return w.Conclude(w.t.Context(), ref, number, Ending{}) })
}

// refresh refreshes the account.
func (w *world) refresh() *account.Account {
	w.t.Helper()
	if err := w.drive(w.begin(), 0); err != nil {
		w.t.Fatal(err)
	}
	return w.get()
}

func (w *world) get() *account.Account {
	w.t.Helper()
	a, err := w.Accounts.Get(w.t.Context(), ref)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// sorted are the events that are stored, sorted.
func (w *world) sorted() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Values(w.events))
}

// dump returns all documents of the catalog.
func (w *world) dump() string {
	w.t.Helper()
	var text strings.Builder
	err := w.documents.View(w.t.Context(), func(tx catalog.Tx) error {
		text.Reset()
		return tx.List("aggregate/", func(key string, value json.RawMessage) error {
			_, err := fmt.Fprintf(&text, "%s %s\n", key, value)
			return err
		})
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return text.String()
}

var errCrash = failure.Wrap(failure.Transient, errors.New("crash"))

// faults are the places at which effects fail: before they are made, and after. From the one that fails on nothing works, until end.
type faults struct {
	mu    sync.Mutex
	left  int  // places until one fails; 0: none does
	dead  bool // since one has failed
	fired bool // one has failed
}

// set makes the nth place from now on fail.
func (f *faults) set(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = n
}

// end ends the fault.
func (f *faults) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = false
}

// effect is a place.
func (f *faults) effect() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left == 1 {
		f.dead, f.fired = true, true
	}
	f.left = max(f.left-1, 0)
	if f.dead {
		return errCrash
	}
	return nil
}

// faultyCatalog is a catalog whose updates have faults.
type faultyCatalog struct {
	catalog.Catalog
	faults *faults
}

func (c faultyCatalog) Update(ctx context.Context, fn func(catalog.Tx) error) error {
	if err := c.faults.effect(); err != nil {
		return err
	}
	return errors.Join(c.Catalog.Update(ctx, fn), c.faults.effect())
}

// faultyStore is a store whose commits have faults.
type faultyStore struct {
	object.Store
	faults *faults
}

func (s faultyStore) Create(ctx context.Context, name string) (object.Writer, error) {
	w, err := s.Store.Create(ctx, name)
	return faultyWriter{w, s.faults}, err
}

type faultyWriter struct {
	object.Writer
	faults *faults
}

func (w faultyWriter) Commit() error {
	if err := w.faults.effect(); err != nil {
		return err
	}
	return errors.Join(w.Writer.Commit(), w.faults.effect())
}
