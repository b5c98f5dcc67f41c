// Retractions in tests, and what is checked after them.

package eventtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/retract"
	eventverify "bursar/internal/event/verify"
	"bursar/internal/object"
)

// Retract retracts, and expects "number events" of it.
func (h *Harness) Retract(want string, o retract.Options) retract.Retracted {
	h.T.Helper()
	h.Now = h.Now.Add(time.Second)
	r, err := retract.Retract(h.T.Context(), h.Store, h.Stream, o)
	h.must(err)
	if got := fmt.Sprint(r.Number, r.Events); got != want {
		h.T.Errorf("retraction and events are %s, want %s", got, want)
	}
	return r
}

// RetractBatch retracts a batch.
func (h *Harness) RetractBatch(want string, batch uint64) {
	h.Retract(want, retract.Options{Batch: batch, Reason: "wrong"})
}

// Verify verifies batches, retractions and the dedupe index.
func (h *Harness) Verify() {
	h.T.Helper()
	batches, err := eventverify.Manifests(h.T.Context(), h.Store, h.Stream.Name)
	_, objects := eventverify.Objects(h.T.Context(), h.Store, batches, func(int64) {})
	_, totals := eventverify.Totals(h.T.Context(), h.Store, h.Stream, batches)
	_, retractions := eventverify.RetractionTotals(h.T.Context(), h.Store, h.Stream, batches)
	if err := errors.Join(err, objects, totals, retractions, h.VerifyIndex()); err != nil {
		h.T.Error(err)
	}
}

// Folded is the events and totals of each batch as it is folded now.
func (h *Harness) Folded() (list []string) {
	h.T.Helper()
	batches, err := event.FoldedBatches(h.T.Context(), h.Store.Catalog, h.Stream, 0)
	h.must(err)
	for _, b := range batches {
		list = append(list, fmt.Sprint(b.Accepted, " ", b.Totals["amount"]))
	}
	return list
}

// ExpectFolded expects what Folded returns.
func (h *Harness) ExpectFolded(want ...string) {
	h.T.Helper()
	if got := h.Folded(); strings.Join(got, "; ") != strings.Join(want, "; ") {
		h.T.Errorf("folded are %q, want %q", got, want)
	}
}

// RemoveRetraction takes a retraction away, and with unknown all that the catalog has of it and those behind it.
func (h *Harness) RemoveRetraction(number uint64, unknown bool) {
	h.T.Helper()
	h.must(os.Remove(h.Object(fmt.Sprintf("streams/sales/retractions/%08d.json", number))))
	err := h.Store.Catalog.Update(h.T.Context(), func(tx catalog.Tx) error {
		var removed []string
		err := tx.List("retraction/sales/", func(key string, value json.RawMessage) error {
			var r event.Retraction
			err := json.Unmarshal(value, &r)
			if r.Number == number || unknown && r.Number > number {
				removed = append(removed, key)
			}
			return err
		})
		for _, key := range removed {
			err = errors.Join(err, tx.Delete(key))
		}
		state := map[string]any{}
		if _, failed := tx.Get("stream/sales", &state); unknown {
			state["retractions"] = number - 1
			err = errors.Join(err, failed, tx.Put("stream/sales", state))
		}
		return err
	})
	h.must(err)
}

// RestoreCatalog replaces the catalog by an earlier copy of it, or by an empty one if name is "".
func (h *Harness) RestoreCatalog(name string) {
	h.T.Helper()
	if name == "" {
		name = "empty.db"
	}
	records, err := catalog.OpenSQLite(filepath.Join(h.Dir, name))
	h.must(err)
	h.T.Cleanup(func() { _ = records.Close() })
	h.Store.Catalog = records
}

// CopyCatalog copies the catalog's current content under another name.
func (h *Harness) CopyCatalog(name string) {
	h.T.Helper()
	c, ok := h.Store.Catalog.(*catalog.SQLite)
	if !ok {
		h.T.Fatal("the catalog is not a file")
	}
	h.must(c.Close())
	text, err := os.ReadFile(filepath.Join(h.Dir, "catalog.db"))
	h.must(err)
	h.File(name, string(text))
	if h.Store.Catalog, err = catalog.OpenSQLite(filepath.Join(h.Dir, "catalog.db")); err != nil {
		h.T.Fatal(err)
	}
}

// ObjectBytes returns the content of every object by its name.
func (h *Harness) ObjectBytes() map[string]string {
	h.T.Helper()
	all := map[string]string{}
	names, err := h.Store.Objects.List(h.T.Context(), "")
	h.must(err)
	for _, name := range names {
		text, err := os.ReadFile(h.Object(name))
		h.must(err)
		all[name] = string(text)
	}
	return all
}

// NoBackup is a backup that has nothing.
type NoBackup struct{}

// Object restores nothing.
func (NoBackup) Object(context.Context, object.Description) (bool, error) { return false, nil }

// File restores nothing.
func (NoBackup) File(context.Context, string, func([]byte) bool) (bool, error) { return false, nil }
