// Tests of verification with catalogs that were tampered with.

package account

import (
	"strings"
	"testing"
	"time"

	"bursar/internal/catalog"
)

// verify returns the faults of the records.
func (w *world) verify() []string {
	w.t.Helper()
	_, faults, err := w.Verify(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return faults
}

// TestVerify finds each difference between the records and the lists, and none in what Accounts itself writes.
func TestVerify(t *testing.T) {
	t.Parallel()
	rules := Rules{Every: time.Hour, AccountDay: 10}
	put := func(key string, value any) func(catalog.Tx) error {
		return func(tx catalog.Tx) error { return tx.Put(key, value) }
	}
	remove := func(key string) func(catalog.Tx) error {
		return func(tx catalog.Tx) error { return tx.Delete(key) }
	}
	later := begin.Add(time.Hour)
	for _, c := range []struct {
		name   string
		tamper func(catalog.Tx) error
		want   string
	}{
		{"nothing", func(catalog.Tx) error { return nil }, ""},
		{"not listed as due", remove(dueKey(refOf("later"), later)), "account acme/later is not listed as due"},
		{"listed at another time", put(dueKey(refOf("later"), begin), refOf("later")), "is listed as due, which no account is at that time"},
		{"listed without a record", put(dueKey(refOf("other"), later), refOf("other")), "/other is listed as due"},
		{"begun and not listed", remove(runningKey(refOf("begun"))), "the refresh of account acme/begun was begun, and is not listed"},
		{"listed as begun", put(runningKey(refOf("later")), turn{refOf("later"), begin}), "acme/later is listed as begun"},
		{"a wrong count", put(institutionPrefix+"acme", Institution{Accounts: 7}), "institution acme counts 7 accounts, and there are 2"},
		{"no count", remove(institutionPrefix + "acme"), "institution acme counts no accounts, and there are 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.add("later", time.Hour)
			if _, _, err := w.AskNow(t.Context(), w.add("begun", 2*time.Hour), rules); err != nil {
				t.Fatal(err)
			}
			if faults := w.verify(); faults != nil {
				t.Fatalf("before: %q", faults)
			}
			if err := w.Catalog.Update(t.Context(), c.tamper); err != nil {
				t.Fatal(err)
			}
			faults := w.verify()
			if c.want == "" && faults == nil || len(faults) == 1 && c.want != "" && strings.Contains(faults[0], c.want) {
				return
			}
			t.Errorf("the faults are %q, want %q", faults, c.want)
		})
	}
}
