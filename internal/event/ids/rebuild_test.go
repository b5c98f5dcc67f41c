// The dedupe index: damage is refused and mended, and indexes of older projects go on.

package ids_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/event/identity"
	"bursar/internal/event/ids"
	"bursar/internal/event/intake"
	"bursar/internal/failure"
	"bursar/internal/fault"
)

// expectNeedsRepair expects an error that no retry mends, with the remedy.
func expectNeedsRepair(t *testing.T, what string, err error) {
	t.Helper()
	if failure.Of(err) != failure.Data || err == nil || !strings.Contains(err.Error(), "stream sales") || !strings.Contains(err.Error(), "run `bursar repair`") {
		t.Errorf("%s: class %s: %v", what, failure.Of(err), err)
	}
}

func TestDamagedIndex(t *testing.T) {
	t.Parallel()
	const n = 600
	h := newHarness(t, plainYAML)
	h.Ingest(fmt.Sprint("1 ", n, n, " 0 0"), h.File("a.jsonl", sales(0, n)))
	h.Ingest("2 2 2 0 0", h.File("b.jsonl", sales(n, 2)))
	ids := h.Object("streams/sales/batches/00000001/ids")
	whole, err := os.ReadFile(ids)
	if err != nil {
		t.Fatal(err)
	}
	again := h.File("again.jsonl", sales(0, n+2)+"\n")
	damage := map[string]func() error{
		"truncated": func() error { return os.Truncate(ids, int64(len(whole)-9)) },
		"zeroed":    func() error { return os.WriteFile(ids, make([]byte, len(whole)), 0o600) },
		"deleted":   func() error { return os.Remove(ids) },
		"another table": func() error {
			other, err := os.ReadFile(h.Object("streams/sales/batches/00000002/ids"))
			return errors.Join(err, os.WriteFile(ids, other, 0o600))
		},
	}
	for at := 100; at < len(whole); at += 4096 {
		damage[fmt.Sprint("bit in byte ", at)] = func() error {
			b := []byte(string(whole))
			b[at] ^= 8
			return os.WriteFile(ids, b, 0o600)
		}
	}
	for what, do := range damage {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		got, err := intake.Ingest(t.Context(), h.Store, h.Stream, []string{again}, intake.Options{})
		if got.Accepted != 0 {
			t.Errorf("%s: %d known events are accepted", what, got.Accepted)
		}
		expectNeedsRepair(t, what, err)
		expectNeedsRepair(t, what+", verified", h.VerifyIndex())
		if err := os.WriteFile(ids, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.VerifyIndex(); err != nil {
		t.Error(err)
	}

	if err := os.Remove(ids); err != nil {
		t.Fatal(err)
	}
	h.RebuildIndex()
	first := h.Index().DedupeTables
	h.RebuildIndex() // the same again, under another name
	if second := h.Index().DedupeTables; len(first) != 1 || len(second) != 1 || second[0].Digest != first[0].Digest || second[0].Entries != n+2 {
		t.Errorf("%+v, then %+v", first, second)
	}
	h.Ingest(fmt.Sprint("0 ", n+2, " 0 0 ", n+2), again)
	h.Ingest("3 2 1 0 1", h.File("c.jsonl", sales(n+1, 2)))
	if err := h.VerifyIndex(); err != nil {
		t.Error(err)
	}
}

// TestIndexAndCatalog finds an index that is whole and not that of the batches.
func TestIndexAndCatalog(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.Ingest("1 3 3 0 0", h.File("a.jsonl", sales(0, 3)))
	h.Ingest("2 4 4 0 0", h.File("b.jsonl", sales(3, 4)))
	state := h.Index()
	left := state
	left.DedupeTables = state.DedupeTables[:1]
	h.PutIndex(left)
	err := h.VerifyIndex()
	expectNeedsRepair(t, "a table is left out", err)
	if err == nil || !strings.Contains(err.Error(), "it has 3 entries, the batches have 7 events") || !strings.Contains(err.Error(), "batches/00000002/ids is not in the catalog") {
		t.Error(err)
	}
	h.RebuildIndex()
	h.Ingest("0 7 0 0 7", h.File("c.jsonl", sales(0, 7)))

	events := h.Object(h.Batches()[1].Objects[0].Name)
	b, err := os.ReadFile(events)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(events, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ids.Rebuild(t.Context(), h.Store, h.Stream); err == nil || !strings.Contains(err.Error(), "batch 2") {
		t.Errorf("rebuilt from a damaged batch: %v", err)
	}
	if err := h.VerifyIndex(); err != nil {
		t.Error(err)
	}
}

// TestSharedIdentityKey opens one catalog from two folders, with a key each.
func TestSharedIdentityKey(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	open := func(folder string, renew bool) *identity.File {
		t.Helper()
		secret, err := ids.OpenSharedSecret(t.Context(), h.Store.Catalog, identity.InFile(filepath.Join(h.Dir, folder+".key")), renew)
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	ingest := func(name, text string) error {
		_, err := intake.Ingest(t.Context(), h.Store, h.Stream, []string{h.File(name, text)}, intake.Options{})
		return err
	}
	h.Store.Secret = open("first", false)
	early := open("early", false) // when the project has no key yet
	if err := ingest("a.jsonl", sales(0, 3)); err != nil {
		t.Fatal(err)
	}
	if _, err := early.Key(); err == nil || !strings.Contains(err.Error(), "is not the key that the project uses: copy vault.age") {
		t.Errorf("a second process makes another key: %v", err)
	}
	h.Store.Secret = open("second", false)
	for what, err := range map[string]error{
		"open": h.Store.Secret.Fault(), "ingest": ingest("b.jsonl", sales(0, 4)), "rebuild": ids.Rebuild(t.Context(), h.Store, h.Stream),
	} {
		if err == nil || !strings.Contains(err.Error(), "copy vault.age from the machine that") || strings.Contains(err.Error(), "bursar repair") {
			t.Errorf("%s without the key: %v", what, err)
		}
	}
	if _, err := os.Stat(filepath.Join(h.Dir, "second.key")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a second key was made: %v", err)
	}
	h.Store.Secret = open("second", true)
	h.RebuildIndex()
	h.Ingest("2 4 1 0 3", h.File("b.jsonl", sales(0, 4)))
	if open("first", false).Fault() == nil {
		t.Error("the folder with the key of before is not refused")
	}
}

func TestIdentityKey(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	path := filepath.Join(h.Dir, "identity.key")
	if stat, err := os.Stat(path); err != nil || stat.Mode().Perm() != 0o600 || stat.Size() != 32 {
		t.Fatalf("%v, %v", stat, err)
	}
	first := h.File("a.jsonl", sales(0, 3))
	h.Ingest("1 3 3 0 0", first)
	key, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	reopen := func() {
		t.Helper()
		if h.Store.Secret, err = ids.OpenSecret(t.Context(), h.Store.Catalog, identity.InFile(path)); err != nil {
			t.Fatal(err)
		}
	}
	for what, content := range map[string][]byte{"missing": nil, "truncated": key[:31], "replaced": []byte(strings.Repeat("k", 32))} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if content != nil {
			h.File("identity.key", string(content))
		}
		before, err := h.Store.Objects.List(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		reopen()
		_, err = intake.Ingest(t.Context(), h.Store, h.Stream, []string{h.File("b.jsonl", sales(0, 4))}, intake.Options{})
		expectNeedsRepair(t, what, err)
		expectNeedsRepair(t, what+", verified", h.VerifyIndex())
		after, err := h.Store.Objects.List(t.Context(), "")
		if now, _ := os.ReadFile(path); err != nil || len(after) != len(before) || string(now) != string(content) {
			t.Errorf("%s: objects %q, then %q; the key is %d bytes; %v", what, before, after, len(now), err)
		}
		h.RebuildIndex()
		reopen()
		h.Ingest("0 3 0 0 3", h.File("c.jsonl", sales(0, 3)+strings.Repeat("\n", len(what))))
	}
	state := h.Index()
	if strings.Contains(fmt.Sprint(state), string(key)) || len(state.Identity) != 16 {
		t.Errorf("the catalog has %q of the key", state.Identity)
	}
}

func TestOlderProject(t *testing.T) {
	t.Parallel()
	x, y, z := sale("x", "sale", "1.00", "EUR"), sale("y", "sale", "1.00", "EUR"), sale("z", "sale", "1.00", "EUR")
	for _, c := range []struct{ id, second, third, fourth string }{
		{"id", "0 5 0 0 5", "2 3 1 0 2", "3 2 1 0 1"},
		{"_row", "2 5 5 0 0", "3 3 3 0 0", "4 2 2 0 0"},
		{"_content", "0 5 0 0 5", "2 3 1 0 2", "3 2 1 0 1"},
	} {
		t.Run(c.id, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, strings.Replace(plainYAML, "id: id\n", "id: "+c.id+"\n", 1))
			h.MakeOlder()
			first := map[string]string{"id": "1 6 2 0 4"}[c.id]
			if first == "" {
				first = "1 6 6 0 0"
			}
			a := h.File("a.jsonl", x+x+x+y+x+x)
			h.Ingest(first, a)
			h.MakeOlder()
			if state := h.Index(); state.Identity != "" {
				t.Fatalf("%+v", state)
			}
			h.Ingest(c.second, h.File("b.jsonl", x+"\n"+x+x+y+x)) // an overlapping export
			h.MakeOlder()
			if err := h.VerifyIndex(); err != nil {
				t.Error(err)
			}
			h.RebuildIndex()
			if state := h.Index(); state.Identity == "" || len(state.DedupeTables) != 1 {
				t.Errorf("%+v", state)
			}
			h.Ingest("0 6 0 0 6", a)
			h.Ingest(c.third, h.File("c.jsonl", x+y+z))
			h.RebuildIndex() // of identities of both versions
			h.Ingest(c.fourth, h.File("d.jsonl", sale("w", "sale", "1.00", "EUR")+z))
			if err := h.VerifyIndex(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRebuildOfWindow rebuilds an index with an id that occurs twice, because it was accepted again after the window.
func TestRebuildOfWindow(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML+"dedupe: 30d\n")
	a, b := sale("1", "sale", "1.00", "EUR"), sale("2", "sale", "1.00", "EUR")
	h.Ingest("1 2 2 0 0", h.File("a.jsonl", a+b))
	h.Now = h.Now.AddDate(0, 0, 31)
	h.Ingest("2 1 1 0 0", h.File("b.jsonl", a))
	if err := h.VerifyIndex(); err != nil {
		t.Error(err)
	}
	h.RebuildIndex()
	if tables := h.Index().DedupeTables; len(tables) != 1 || tables[0].Entries != 2 || tables[0].Replaced != 1 {
		t.Errorf("%+v", tables)
	}
	h.Now = h.Now.AddDate(0, 0, 1)
	h.Ingest("3 2 1 0 1", h.File("c.jsonl", a+b+"\n")) // of the newer entry, and of one that is too old
	if err := h.VerifyIndex(); err != nil {
		t.Error(err)
	}
}

// TestRebuildFailsAtEveryCall fails each call of the stores in turn: the index is the old one or the new one, and a repeat
// mends what was under way.
func TestRebuildFailsAtEveryCall(t *testing.T) {
	t.Parallel()
	for _, mode := range []fault.Mode{fault.Before, fault.After | fault.Crash} {
		h := newHarness(t, plainYAML)
		h.MakeOlder()
		again := h.File("a.jsonl", sales(0, 20)+"\n")
		h.Ingest("1 20 20 0 0", h.File("first.jsonl", sales(0, 20)))
		for n, more := 1, true; more; n++ {
			plan := fault.NewPlan()
			plan.FailAt(n, mode)
			faulty := *h.Store
			faulty.Objects, faulty.Catalog = fault.Objects(h.Store.Objects, plan), fault.Catalog(h.Store.Catalog, plan)
			err := ids.Rebuild(t.Context(), &faulty, h.Stream)
			if more = plan.Fired(); more && err == nil && mode == fault.Before {
				t.Errorf("%s failed without an error", plan.Call(n))
			}
			if err := h.VerifyIndex(); err != nil {
				t.Errorf("after %s: %v", plan.Call(n), err)
			}
			got, err := intake.Ingest(t.Context(), h.Store, h.Stream, []string{again}, intake.Options{DryRun: true})
			if err != nil || got.Duplicates != 20 {
				t.Errorf("after %s: %+v, %v", plan.Call(n), got, err)
			}
		}
		h.RebuildIndex()
	}
}
