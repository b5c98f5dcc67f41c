// The quarantine and the retractions of a test's stream.

package eventtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/event/live"
	"bursar/internal/event/retract"
	eventverify "bursar/internal/event/verify"
	"bursar/internal/failure"
	"bursar/internal/object"
)

// Reasons lists what is in quarantine as "batch file:row column: reason".
func (h *Harness) Reasons() []string {
	h.T.Helper()
	return h.quarantine(func(r event.Rejected) string {
		return fmt.Sprintf("%d %s:%d %s: %s", r.Batch, filepath.Base(r.File), r.Row, r.Column, r.Reason)
	})
}

// quarantine lists what is in quarantine in the words of show.
func (h *Harness) quarantine(show func(r event.Rejected) string) (list []string) {
	h.T.Helper()
	h.must(event.Quarantine(h.T.Context(), h.Store.Catalog, h.Store.Objects, h.Stream.Name, func(r event.Rejected) error {
		list = append(list, show(r))
		return nil
	}))
	return list
}

// ExpectRefs expects the references of the rows in quarantine, those that are dismissed in brackets, and their counts.
func (h *Harness) ExpectRefs(want string) {
	h.T.Helper()
	refs := h.quarantine(func(r event.Rejected) string {
		if r.Dismissed != nil {
			return "(" + r.Place().String() + ")"
		}
		return r.Place().String()
	})
	if got := strings.Join(refs, " "); got != want {
		h.T.Errorf("in quarantine are %s, want %s", got, want)
	}
	n, err := h.Store.CountQuarantine(h.T.Context(), h.Stream.Name)
	if got, all, off := fmt.Sprint(n.Rows, n.Dismissed), len(refs), strings.Count(want, "("); err != nil || got != fmt.Sprint(all-off, off) {
		h.T.Errorf("counted are %s, %v", got, err)
	}
}

// Ref parses the reference of a row.
func Ref(t testing.TB, text string) event.Place {
	t.Helper()
	at, ok := event.ParsePlace(text)
	if !ok {
		t.Fatalf("%s does not name a row", text)
	}
	return at
}

// Dismiss dismisses a row, or takes that back.
func (h *Harness) Dismiss(row string, undo bool) (event.Dismissed, error) {
	return h.Store.Dismiss(h.T.Context(), h.Stream, event.DismissOptions{Row: Ref(h.T, row), Undo: undo, Reason: "nothing"})
}

// MustDismiss is Dismiss without an error.
func (h *Harness) MustDismiss(row string, undo bool) {
	h.T.Helper()
	_, err := h.Dismiss(row, undo)
	h.must(err)
}

// VerifyDismissals verifies everything, and expects a number of dismissed rows.
func (h *Harness) VerifyDismissals(want int) {
	h.T.Helper()
	h.Verify()
	if n, err := eventverify.Dismissals(h.T.Context(), h.Store, h.Stream.Name); n != want || err != nil {
		h.T.Errorf("%d rows are dismissed, want %d; %v", n, want, err)
	}
}

// ExpectRefused expects an error of class Data that contains a text.
func (h *Harness) ExpectRefused(row, wantText string) {
	h.T.Helper()
	_, err := intake.AcceptRow(h.T.Context(), h.Store, h.Stream, intake.AcceptOptions{Row: Ref(h.T, row), Reason: "checked"})
	if err == nil || failure.Of(err) != failure.Data || !strings.Contains(err.Error(), wantText) {
		h.T.Errorf("accepting %s gives %v; want %q", row, err, wantText)
	}
}

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

// ExpectFolded expects the events and totals of each batch as it is folded now.
func (h *Harness) ExpectFolded(want ...string) {
	h.T.Helper()
	batches, err := event.FoldedBatches(h.T.Context(), h.Store.Catalog, h.Stream, 0)
	h.must(err)
	var got []string
	for _, b := range batches {
		got = append(got, fmt.Sprint(b.Accepted, " ", b.Totals["amount"]))
	}
	if strings.Join(got, "; ") != strings.Join(want, "; ") {
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
	h.Store.Catalog, err = catalog.OpenSQLite(filepath.Join(h.Dir, "catalog.db"))
	h.must(err)
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

// RetryLive retries the quarantine between batches of live intake.
func (h *Harness) RetryLive(l *live.Intake) (intake.Result, error) {
	return live.Exclusively(h.T.Context(), l, func(ctx context.Context) (intake.Result, error) {
		return intake.Retry(ctx, h.Store, h.Stream, intake.Options{})
	})
}
