// Tests of cursors behind which events are missing, or whose batch does not exist any more.

package feed_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/eventtest"
	"bursar/internal/event/feed"
	"bursar/internal/event/repair"
	"bursar/internal/object"
)

// wantGone reads after a cursor, expects a GoneError, and returns it.
func (h *harness) wantGone(after feed.Cursor) *feed.GoneError {
	h.T.Helper()
	p, err := h.reader.Read(h.T.Context(), h.Stream, after, generous)
	var gone *feed.GoneError
	if !errors.As(err, &gone) {
		h.T.Fatalf("the page is %+v, %v", p, err)
	}
	return gone
}

// TestGivenUp stops at a batch that was given up, and goes on with the cursor that the error has.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for n := 1; n <= 3; n++ {
		h.Ingest(fmt.Sprintf("%d 2 2 0 0", n), h.File(fmt.Sprint(n), lines(2*n-1, 2*n)))
	}
	within := h.page(h.begin(), feed.Limit{Rows: 3, Bytes: 1 << 20}).Cursor()
	second := h.Batches()[1]
	for _, o := range second.Objects {
		if err := os.Remove(h.Object(o.Name)); err != nil {
			t.Fatal(err)
		}
	}
	h.restart()
	if _, err := h.reader.Read(t.Context(), h.Stream, within, generous); !object.IsDamage(err) {
		t.Errorf("without an object: %v", err)
	}
	give := repair.GiveUp{Batches: []uint64{2}, Reason: "no copy has it"}
	if done, err := repair.Stream(t.Context(), h.Store, h.Stream, eventtest.NoBackup{}, give); err != nil || len(done.Broken) > 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	p := h.page(h.begin(), generous)
	if len(p.Events) != 2 || !p.More {
		t.Errorf("before it there is %+v", p)
	}
	for _, at := range []feed.Cursor{p.Cursor(), within} {
		gone := h.wantGone(at)
		if !strings.Contains(gone.What, "no copy has it") {
			t.Error(gone)
		}
		next := h.parse(gone.Hint[strings.LastIndexByte(gone.Hint, ' ')+1:])
		if p := h.page(next, generous); len(p.Events) != 2 || p.More || !strings.HasPrefix(string(p.Events[0]), `{"id":"5"`) {
			t.Errorf("behind it there is %+v", p)
		}
	}
}

// TestOlderCopy refuses cursors of batches that the catalog lost, also once other batches have their numbers.
func TestOlderCopy(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.Ingest("1 1 1 0 0", h.File("a.jsonl", lines(1, 1)))
	h.Ingest("2 2 2 0 0", h.File("b.jsonl", lines(2, 3)))
	within := h.page(h.begin(), feed.Limit{Rows: 2, Bytes: 1 << 20}).Cursor()
	end := h.page(h.begin(), generous).Cursor()
	err := h.Store.Catalog.Update(t.Context(), func(tx catalog.Tx) error {
		state, err := event.GetState(tx, "sales")
		state.Batches = 1
		return errors.Join(err, event.PutState(tx, "sales", &state))
	})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = h.wantGone(within), h.wantGone(end)
	other := h.Batches()[1]
	other.Sealed = other.Sealed.Add(time.Second)
	err = h.Store.Catalog.Update(t.Context(), func(tx catalog.Tx) error {
		state, err := event.GetState(tx, "sales")
		state.Batches = 2
		return errors.Join(err, event.PutState(tx, "sales", &state), event.PutBatch(tx, &other))
	})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = h.wantGone(within), h.wantGone(end)
}
