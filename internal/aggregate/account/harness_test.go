// Accounts in a catalog, with a clock that the test moves.

package account

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/catalog/catalogtest"
	"bursar/internal/failure"
)

// world is a project whose clock the test moves.
type world struct {
	*Accounts
	t   *testing.T
	now time.Time
}

// begin is when every world begins: noon.
var begin = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func newWorld(t *testing.T) *world {
	t.Helper()
	c, err := catalog.OpenSQLite(filepath.Join(t.TempDir(), "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{t: t, now: begin}
	w.Accounts = &Accounts{Catalog: catalogtest.Twice(c), Now: func() time.Time { return w.now }}
	return w
}

func refOf(id string) Ref { return Ref{"acme", id} }

// add adds an account that is due after a time.
func (w *world) add(id string, after time.Duration) Ref {
	w.t.Helper()
	added, err := w.Add(w.t.Context(), []Account{{Ref: refOf(id), Next: w.now.Add(after)}})
	if err != nil || len(added) != 1 {
		w.t.Fatal(added, err)
	}
	return added[0]
}

func (w *world) get(r Ref) *Account {
	w.t.Helper()
	a, err := w.Get(w.t.Context(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// due begins refreshes, and returns the ids of their accounts.
func (w *world) due(rules Rules, ahead int) (ids []string, begun Begun) {
	w.t.Helper()
	begun, err := w.Due(w.t.Context(), "acme", rules, ahead)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, one := range begun.Start {
		ids = append(ids, one.Account)
		if a := w.get(one.Ref); !a.IsRunning(one.Number) {
			w.t.Errorf("%s was begun as refresh %d, and is %+v", one, one.Number, a)
		}
	}
	w.check()
	return ids, begun
}

// expectDue begins refreshes, and compares the ids of their accounts.
func (w *world) expectDue(rules Rules, ahead int, want ...string) Begun {
	w.t.Helper()
	ids, begun := w.due(rules, ahead)
	if !slices.Equal(ids, want) {
		w.t.Errorf("at %s: %q were begun, want %q", w.now.Format(time.RFC3339), ids, want)
	}
	return begun
}

// refresh begins the refresh of an account that a person asks for, and returns its number.
func (w *world) refresh(r Ref) int {
	w.t.Helper()
	a, joined, err := w.AskNow(w.t.Context(), r, Rules{AccountDay: 1000})
	if err != nil || joined {
		w.t.Fatal(joined, err)
	}
	return a.Refresh
}

// fetched has a session that fetches documents.
func (w *world) fetched(r Ref, refresh int, documents ...Document) {
	w.t.Helper()
	if _, err := w.Begin(w.t.Context(), r, refresh); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.Fetched(w.t.Context(), r, Fetched{Refresh: refresh, Documents: documents, Cursor: "next", Requests: 2}); err != nil {
		w.t.Fatal(err)
	}
}

// end ends a refresh; the next one is due after a time.
func (w *world) end(r Ref, refresh int, cause error, after time.Duration) {
	w.t.Helper()
	if _, err := w.End(w.t.Context(), r, refresh, Ending{Err: cause, Next: w.now.Add(after)}); err != nil {
		w.t.Fatal(err)
	}
}

// check compares the indexes and the counts with the records.
func (w *world) check() {
	w.t.Helper()
	var dues []string
	running, accounts := map[string]bool{}, map[string]int{} // by key, by institution
	err := w.Each(w.t.Context(), "", func(a *Account) error {
		accounts[a.Institution]++
		if !a.Running && !a.Next.IsZero() {
			dues = append(dues, dueKey(a.Ref, a.Next))
		}
		if a.Running {
			running[runningKey(a.Ref)] = true
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Sort(dues)
	if keys := catalogtest.Keys(w.t, w.Catalog, duePrefix); !slices.Equal(keys, dues) {
		w.t.Errorf("the index of what is due is %q, and the records say %q", keys, dues)
	}
	for _, key := range w.turns() {
		if !running[key] {
			w.t.Errorf("%q does not run", key)
		}
	}
	for _, name := range []string{"acme", "other"} {
		i, err := w.Institution(w.t.Context(), name)
		if err != nil || i.Accounts != accounts[name] {
			w.t.Errorf("%s counts %d accounts of %d (%v)", name, i.Accounts, accounts[name], err)
		}
	}
}

// turns are the keys of the refreshes that have fetched nothing yet.
func (w *world) turns() []string { return catalogtest.Keys(w.t, w.Catalog, runningPrefix) }

// refused checks the class and the text of an error.
func refused(t testing.TB, err error, class failure.Class, want string) {
	t.Helper()
	if err == nil || failure.Of(err) != class || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v; want one of class %s with %q", err, class, want)
	}
}
