// Tests of sweeps that fail at every call in turn.

package fault_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"bursar/internal/artifact"
	"bursar/internal/artifact/indextest"
	"bursar/internal/catalog"
	"bursar/internal/catalog/catalogtest"
	"bursar/internal/fault"
	"bursar/internal/object"
	"bursar/internal/object/objecttest"
)

// fixture is one of each store, opened like in a process.
type fixture struct {
	objects object.Local
	catalog catalog.Catalog
	index   artifact.Index
}

// step is one or two calls with a visible effect: a name in the result of look.
type step struct {
	shows string
	do    func(h fixture) error
}

var (
	orders = artifact.Space{Pipeline: "orders", Generation: 1}
	big    = strings.Repeat("x", 700_000)
)

var script = []step{
	{"object a/1", func(h fixture) error { return put(h.objects, "a/1") }},
	{"document a/1", func(h fixture) error { return document(h.catalog, "a/1") }},
	{"index k@1", func(h fixture) error { return load(h.index, 1) }},
	{"", func(h fixture) error { _, err := h.objects.List(context.Background(), "a/"); return err }},
	{"", func(h fixture) error { return readObject(h.objects, "a/1") }},
	{"", func(h fixture) error { _, err := indextest.Find(h.index, orders, 1, "k"); return err }},
	{"", func(h fixture) error { _, err := indextest.Scan(h.index, orders, 1); return err }},
	{"", func(h fixture) error { _, err := indextest.History(h.index, orders, 1, "k"); return err }},
	{"", func(h fixture) error {
		return h.catalog.View(context.Background(), func(catalog.Tx) error { return nil })
	}},
	{"object a/2", func(h fixture) error { return put(h.objects, "a/2") }},
	{"document a/2", func(h fixture) error { return document(h.catalog, "a/2") }},
	{"index k@2", func(h fixture) error { return load(h.index, 2) }},
	{"", func(h fixture) error { return h.objects.Delete(context.Background(), "never") }},
	{"", func(h fixture) error { return h.index.Drop(context.Background(), artifact.Space{Pipeline: "never"}) }},
}

// scriptCalls is how many calls the script makes: create, write, write and commit of two objects, one to read and two
// to open and read, and one for each of the other steps.
const scriptCalls = 2*4 + 2 + 11

func TestScriptWithoutFault(t *testing.T) {
	t.Parallel()
	shown, failures, plan := play(t, func(*fault.Plan) {})
	if errors.Join(failures...) != nil || plan.Fired() || plan.Calls() != scriptCalls {
		t.Errorf("%d calls, failed %v", plan.Calls(), failures)
	}
	if want := []string{"object a/1", "object a/2", "document a/1", "document a/2", "index k@2", "index k@1"}; !slices.Equal(shown, want) {
		t.Errorf("shown %q, want %q", shown, want)
	}
	if plan.Call(1) != "create object a/1" || plan.Call(0) != "no call" || plan.Call(scriptCalls+1) != "no call" {
		t.Errorf("first call %q", plan.Call(1))
	}
}

// Every call of the script fails in turn, in every mode, and the visible effects afterwards are those that the mode promises.
func TestEveryCallFails(t *testing.T) {
	t.Parallel()
	for _, mode := range []fault.Mode{fault.Before, fault.After, fault.Before | fault.Crash, fault.After | fault.Crash} {
		for n := 1; n <= scriptCalls; n++ {
			t.Run(fmt.Sprintf("mode %d call %d", mode, n), func(t *testing.T) {
				t.Parallel()
				shown, failures, plan := play(t, func(p *fault.Plan) { p.FailWith(n, mode, syscall.ENOSPC) })
				first := slices.IndexFunc(failures, func(err error) bool { return err != nil })
				if !plan.Fired() || first < 0 || !errors.Is(failures[first], syscall.ENOSPC) {
					t.Fatalf("%s: failed %v", plan.Call(n), failures)
				}
				checkShown(t, mode, plan.Call(n), shown, failures)
			})
		}
	}
}

// checkShown compares the visible effects with the failures: an effect is visible if its step succeeded, or if the call that
// makes it visible failed after its effect.
func checkShown(t *testing.T, mode fault.Mode, call string, shown []string, failures []error) {
	t.Helper()
	for i, s := range script {
		if s.shows == "" {
			continue
		}
		err := failures[i]
		want := err == nil || mode&fault.After != 0 && errors.Is(err, syscall.ENOSPC) && !isPart(call)
		if got := slices.Contains(shown, s.shows); got != want {
			t.Errorf("%s failed in mode %d: %s is seen: %v, want %v (%v)", call, mode, s.shows, got, want, err)
		}
		if mode&fault.Crash == 0 && err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: %v without a crash", s.shows, err)
		}
	}
}

// isPart reports whether a call writes only a part of an object.
func isPart(call string) bool {
	return strings.HasPrefix(call, "create object") || strings.HasPrefix(call, "write object")
}

// play runs the script on faulty stores to its end, whatever fails, and then opens the stores like the next process. It returns
// the visible effects and how each step failed.
func play(t *testing.T, arm func(*fault.Plan)) (shown []string, failures []error, plan *fault.Plan) {
	t.Helper()
	dir := t.TempDir()
	inner := open(t, dir)
	plan = fault.NewPlan()
	arm(plan)
	faulty := fixture{fault.Objects(inner.objects, plan), fault.Catalog(inner.catalog, plan), fault.Index(inner.index, plan)}
	for _, s := range script {
		failures = append(failures, s.do(faulty))
	}
	if err := errors.Join(faulty.catalog.Close(), faulty.index.Close()); err != nil {
		t.Error(err)
	}
	next := open(t, dir)
	defer next.index.Close()
	defer next.catalog.Close()
	return look(t, next, dir), failures, plan
}

func open(t *testing.T, dir string) fixture {
	t.Helper()
	folder := object.NewFolder(filepath.Join(dir, "objects"))
	if err := folder.Clean(); err != nil {
		t.Fatal(err)
	}
	return fixture{folder, openCatalog(t, dir), openIndex(t, dir)}
}

// look returns all visible effects, and fails the test if an effect is partial.
func look(t *testing.T, h fixture, dir string) (shown []string) {
	t.Helper()
	names, err := h.objects.List(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if content := objecttest.Read(t, h.objects, name); string(content) != big+big {
			t.Errorf("object %s has %d bytes, a part of what was written", name, len(content))
		}
		shown = append(shown, "object "+name)
	}
	for _, key := range catalogtest.Keys(t, h.catalog, "a/") {
		shown = append(shown, "document "+key)
	}
	entries, err := indextest.History(h.index, orders, 100, "k")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		shown = append(shown, "index "+entry)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "objects", ".tmp")); err == nil && len(left) != 0 {
		t.Errorf("%d unfinished objects stay after the folder was cleaned", len(left))
	}
	return shown
}

func put(store object.Store, name string) error {
	w, err := store.Create(context.Background(), name)
	if err != nil {
		return err
	}
	for range 2 {
		if _, err := w.Write([]byte(big)); err != nil {
			// A careless caller commits all the same.
			return errors.Join(err, w.Commit())
		}
	}
	return w.Commit()
}

func readObject(store object.Store, name string) error {
	r, err := store.Open(context.Background(), name)
	if err != nil {
		return err
	}
	_, err = r.ReadAt(make([]byte, 10), 3)
	return errors.Join(err, r.Close())
}

func document(c catalog.Catalog, key string) error {
	return c.Update(context.Background(), func(tx catalog.Tx) error { return tx.Put(key, 1) })
}

func load(x artifact.Index, run uint64) error {
	return x.Load(context.Background(), orders, run, indextest.Entries(indextest.At("k", run)))
}
