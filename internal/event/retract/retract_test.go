// Retractions over stores of their own: what is left out, what intake takes for new, and what counts again.

package retract_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/event/live"
	"bursar/internal/event/repair"
	"bursar/internal/event/retract"
	eventverify "bursar/internal/event/verify"
	"bursar/internal/failure"
)

// TestRetractedTwice retracts an event, and then its batch: it is one event that is left out.
func TestRetractedTwice(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.Ingest("1 2 2 0 0", h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")+sale("2", "sale", "2.00", "EUR")))
	h.Ingest("2 1 1 0 0", h.File("b.jsonl", sale("3", "sale", "4.00", "EUR")))
	h.Retract("1 1", retract.Options{Event: "1", Reason: "wrong"})
	h.Retract("2 1", retract.Options{Event: "3", Reason: "wrong"})
	h.RetractBatch("3 2", 1)
	batches, err := eventverify.Manifests(t.Context(), h.Store, h.Stream.Name)
	if err != nil {
		t.Fatal(err)
	}
	if events, err := eventverify.RetractionTotals(t.Context(), h.Store, h.Stream, batches); events != 3 || err != nil {
		t.Errorf("%d events are left out, %v", events, err)
	}
}

func TestRetractedRowsOutOfQuarantine(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	first := h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")+sale("2", "gift", "2.00", "EUR")+sale("3", "bribe", "4.00", "EUR"))
	h.Ingest("1 3 1 2 0", first)
	h.Declare(strings.Replace(plainYAML, "refund]", "refund, gift]", 1))
	retry := func(want string) {
		t.Helper()
		r, err := intake.Retry(t.Context(), h.Store, h.Stream, intake.Options{})
		if err != nil {
			t.Fatal(err)
		}
		h.Expect(r, want)
	}
	retry("2 2 1 1 0")
	h.ExpectRefs("1:3")
	// Its row that came out of quarantine is of batch 2, but what that rejected again is left out with the file.
	if r := h.Retract("1 1", retract.Options{Batch: 1, Reason: "wrong"}); len(r.Retries) != 1 || r.Retries[0] != 2 {
		t.Errorf("events that still count are in batches %v", r.Retries)
	}
	h.ExpectRefs("")
	if r, err := intake.Retry(t.Context(), h.Store, h.Stream, intake.Options{}); err != nil || r.Batch != 0 {
		t.Errorf("a retry of what is left out: %+v, %v", r, err)
	}
	h.Ingest("3 2 1 0 1", h.File("b.jsonl", sale("1", "sale", "1.50", "EUR")+sale("2", "gift", "2.00", "EUR")))
	h.RetractBatch("2 1", 2)
	h.Ingest("4 1 1 0 0", h.File("c.jsonl", sale("2", "gift", "2.50", "EUR")))
	h.ExpectFolded("0 map[]", "0 map[]", "1 map[EUR:1.50]", "1 map[EUR:2.50]")
	h.Verify()
	h.RebuildIndex()
	h.Verify()
	h.Ingest("0 2 0 0 2", h.File("d.jsonl", sale("1", "sale", "1.50", "EUR")+sale("2", "gift", "2.50", "EUR")))
	h.Retract("3 1", retract.Options{Batch: 4, Reason: "wrong"})
	h.Retract("4 1", retract.Options{Batch: 2, Undo: true})
	h.ExpectRefs("")
	h.Ingest("0 1 0 0 1", h.File("e.jsonl", sale("2", "gift", "2.00", "EUR")))
	h.Verify()
}

// TestRetractedRowsRetriedAmongOthers retries a quarantine of a retracted file's rows and another's: the former go back as they were, and are
// there again once the retraction is taken back.
func TestRetractedRowsRetriedAmongOthers(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.Ingest("1 2 1 1 0", h.File("a.jsonl", amounts("1", "1.00")+sale("2", "gift", "2.00", "EUR")))
	h.Ingest("2 2 0 2 0", h.File("b.jsonl", sale("3", "gift", "3.00", "EUR")+sale("4", "bribe", "4.00", "EUR")))
	more := func(kind, want string) {
		t.Helper()
		h.Declare(strings.Replace(plainYAML, "refund]", "refund, "+kind+"]", 1))
		r, err := intake.Retry(t.Context(), h.Store, h.Stream, intake.Options{})
		if err != nil {
			t.Fatal(err)
		}
		h.Expect(r, want)
	}
	h.MustDismiss("1:2", false)
	more("gift", "3 3 1 2 0")
	h.MustDismiss("1:2", true)
	h.ExpectRefs("1:2 2:2")
	h.RetractBatch("1 1", 1)
	h.ExpectRefs("2:2")
	if _, err := intake.AcceptRow(t.Context(), h.Store, h.Stream, intake.AcceptOptions{Row: ref(t, "1:2"), Reason: "x"}); !errors.As(err, new(*event.NoSuchError)) {
		t.Errorf("a row of a retracted file is accepted: %v", err)
	}
	more("gift, bribe", "4 2 1 1 0")
	h.ExpectRefs("")
	h.Retract("2 1", retract.Options{Batch: 1, Undo: true})
	h.ExpectRefs("1:2")
	more("gift, bribe", "5 1 1 0 0")
	h.VerifyDismissals(0)
}

// TestRetractBehindRetryOfDuplicates: a retry that seals nothing, as its rows are known, is of no batch, and of none that comes later.
func TestRetractBehindRetryOfDuplicates(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.Ingest("1 1 1 0 0", h.File("a.jsonl", amounts("1", "1.00")))
	h.Ingest("2 2 1 1 0", h.File("b.jsonl", amounts("1", "2.00")+amounts("2", "1.00")))
	h.Retract("1 1", retract.Options{Event: `"1"`, Reason: "wrong"})
	h.Ingest("3 1 1 0 0", h.File("c.jsonl", amounts("1", "2.00")))
	r, err := intake.Retry(t.Context(), h.Store, h.Stream, intake.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h.Expect(r, "0 1 0 0 1")
	h.RetractBatch("2 1", 2)
	h.Ingest("4 1 1 0 0", h.File("d.jsonl", amounts("3", "1.00")))
	h.Retract("3 1", retract.Options{Batch: 2, Undo: true, Reason: "right"})
	h.Verify()
}

// TestRetractedFilesInMoreColumns takes a file in again that was read before a column was declared: its own events are known, whatever
// that column has.
func TestRetractedFilesInMoreColumns(t *testing.T) {
	t.Parallel()
	for name, batch := range map[string]bool{"event": false, "batch": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, plainYAML)
			text := sale("1", "sale", "1.00", "EUR") + sale("2", "gift", "2.00", "EUR") + sale("3", "gift", "3.00", "EUR")
			a := h.File("a.jsonl", strings.ReplaceAll(text, "}", `,"shop":"north"}`))
			h.Ingest("1 3 1 2 0", a)
			gifts := strings.Replace(plainYAML, "refund]", "refund, gift]", 1)
			h.Declare(gifts)
			if _, err := intake.Retry(t.Context(), h.Store, h.Stream, intake.Options{}); err != nil {
				t.Fatal(err)
			}
			h.Declare(strings.Replace(gifts, "  note:", "  shop: {type: string, optional: true}\n  note:", 1))
			if batch {
				h.RetractBatch("1 1", 1)
			} else {
				h.Retract("1 1", retract.Options{Event: "1", Reason: "wrong"})
			}
			h.Ingest("3 3 1 0 2", a)
			h.ExpectRefs("")
			h.Verify()
		})
	}
}

// TestRetractedFiles hands files in again: those of a retracted batch, and one whose rows were set aside because of it.
func TestRetractedFiles(t *testing.T) {
	t.Parallel()
	for id, want := range map[string][3]string{
		"id":       {"3 2 2 0 0", "4 3 1 0 2", "0 3 0 0 3"},
		"_content": {"3 2 2 0 0", "0 3 0 0 3", "0 3 0 0 3"},
		"_row":     {"3 2 2 0 0", "0 3 0 0 3", "0 3 0 0 3"},
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, strings.Replace(plainYAML, "id: id\n", "id: "+id+"\n", 1))
			wrong := h.File("wrong.jsonl", sale("1", "sale", "1.00", "EUR")+sale("2", "sale", "2.00", "EUR"))
			h.Ingest("1 2 2 0 0", wrong)
			other := h.File("other.jsonl", sale("2", "sale", "2.00", "EUR")+sale("3", "gift", "3.00", "EUR")+sale("4", "sale", "4.00", "EUR"))
			if id == "_row" {
				h.Ingest("2 3 2 1 0", other)
			} else {
				h.Ingest("2 3 1 1 1", other)
			}
			h.RetractBatch("1 2", 1)
			if id == "id" {
				h.Ingest(want[0], h.File("right.jsonl", sale("1", "sale", "1.50", "EUR")+sale("5", "sale", "2.50", "EUR")))
			} else {
				h.Ingest(want[0], wrong)
			}
			h.Ingest(want[1], other)
			h.Ingest(want[2], other)
			if got := h.Reasons(); len(got) != 1 {
				t.Errorf("in quarantine are %q", got)
			}
			h.Verify()
		})
	}
}

// TestRetractWithinWindow retracts where ids are forgotten with time.
func TestRetractWithinWindow(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML+"dedupe: 30d\n")
	day := 24 * time.Hour
	a := h.File("a.jsonl", sale("1", "sale", "1.00", "EUR"))
	h.Ingest("1 1 1 0 0", a)
	h.Now = h.Now.Add(40 * day)
	h.Ingest("2 1 1 0 0", h.File("b.jsonl", sale("1", "sale", "2.00", "EUR"))) // another event by now
	h.RetractBatch("1 1", 2)
	h.Ingest("3 1 1 0 0", h.File("c.jsonl", sale("1", "sale", "3.00", "EUR")))
	h.Ingest("0 1 0 0 1", a) // its digest is known for ever
	if _, err := retract.Retract(t.Context(), h.Store, h.Stream, retract.Options{Batch: 2, Undo: true}); !errors.As(err, new(*retract.IDReusedError)) {
		t.Errorf("undo gives %v", err)
	}
	h.RetractBatch("2 1", 1)
	h.Retract("3 1", retract.Options{Batch: 1, Undo: true}) // batch 3 is beyond its window
	_, err := retract.Retract(t.Context(), h.Store, h.Stream, retract.Options{Event: "1", Reason: "which?"})
	if failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "name the batch") {
		t.Errorf("an id of two events gives %v", err)
	}
	h.Retract("4 1", retract.Options{Batch: 3, Event: "1", Reason: "this one"})
	h.ExpectFolded("1 map[EUR:1.00]", "0 map[]", "0 map[EUR:0.00]")
	h.Verify()
}

// TestRetractEvents leaves events out by ids of several types, and totals that are declared later are computed without them.
func TestRetractEvents(t *testing.T) {
	t.Parallel()
	yaml := strings.Replace(plainYAML, "id: id\n", "id: [id, amount]\n", 1)
	h := newHarness(t, yaml)
	h.Ingest("1 3 3 0 0", h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")+sale("1", "sale", "2.00", "EUR")+sale(`"x"`, "sale", "4.00", "USD")))
	for _, id := range []string{"1", `["1"]`, `["1","1"]`, `["2","1.00"]`} {
		if _, err := retract.Retract(t.Context(), h.Store, h.Stream, retract.Options{Event: id, Reason: "no"}); !errors.As(err, new(*event.NoSuchError)) {
			t.Errorf("%s gives %v", id, err)
		}
	}
	h.Retract("1 1", retract.Options{Event: `["1", "2.00"]`, Reason: "wrong"})
	h.Retract("2 1", retract.Options{Event: `["\"x\"","4.00"]`, Reason: "wrong"})
	h.ExpectFolded("1 map[EUR:1.00 USD:0.00]")
	h.Declare(strings.Replace(yaml, "totals:\n", "totals:\n  all: {sum: amount}\n", 1))
	h.Ingest("2 1 1 0 0", h.File("b.jsonl", sale("1", "sale", "2.00", "EUR")))
	h.Retract("3 3", retract.Options{Batch: 1, Reason: "all of it"})
	if again := h.Retract("1 1", retract.Options{Batch: 1, Event: `["1","2.00"]`, Reason: "?"}); !again.Already {
		t.Error("an event is retracted twice")
	}
	h.ExpectFolded("0 map[]", "1 map[EUR:2.00]")
	h.Retract("4 3", retract.Options{Batch: 1, Undo: true}) // but for the events that are left out alone
	h.ExpectFolded("1 map[EUR:1.00 USD:0.00]", "1 map[EUR:2.00]")
	h.Verify()
}

// TestRetractRequests forgets what was answered to the requests of a retracted batch.
func TestRetractRequests(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	l := h.StartLive(live.Options{})
	h.Accept(l, "key", sale("1", "sale", "1.00", "EUR"), "1 1 0 0")
	h.Accept(l, "key", sale("1", "sale", "1.00", "EUR"), "1 1 0 0 again")
	r, err := live.Exclusively(t.Context(), l, func(ctx context.Context) (retract.Retracted, error) { // seals it first
		return retract.Retract(ctx, h.Store, h.Stream, retract.Options{Batch: 1, Reason: "wrong"})
	})
	if err != nil || r.Events != 1 {
		t.Fatal(r, err)
	}
	h.Accept(l, "key", sale("1", "sale", "1.50", "EUR"), "1 1 0 0")
	h.Seal(l)
	h.ExpectFolded("0 map[]", "1 map[EUR:1.50]")
	h.Verify()
}

// TestRetractionStored finds and mends what is missing of a retraction, in the catalog or beside the batches.
func TestRetractionStored(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.Ingest("1 1 1 0 0", h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")))
	h.RetractBatch("1 1", 1)
	h.Retract("2 1", retract.Options{Batch: 1, Undo: true})
	last := h.Object("streams/sales/retractions/00000002.json")
	if err := os.Remove(last); err != nil {
		t.Fatal(err)
	}
	if _, err := eventverify.Manifests(t.Context(), h.Store, "sales"); err == nil {
		t.Error("a missing object is not found")
	}
	h.Ingest("2 1 1 0 0", h.File("b.jsonl", sale("2", "sale", "1.00", "EUR"))) // which writes it, as after a crash
	h.Verify()
	for name, harm := range map[string]func(tx catalog.Tx) error{
		"document": func(tx catalog.Tx) error { return tx.Delete("retraction/sales/00000001/00000001") },
		"last":     func(tx catalog.Tx) error { return tx.Delete("retraction/sales/00000001/00000002") },
		"state":    func(tx catalog.Tx) error { return tx.Delete("stream/sales") },
	} {
		if err := h.Store.Catalog.Update(t.Context(), harm); err != nil {
			t.Fatal(err)
		}
		if _, err := eventverify.Manifests(t.Context(), h.Store, "sales"); err == nil {
			t.Errorf("%s: nothing is found", name)
		}
		done, err := repair.Stream(t.Context(), h.Store, h.Stream, noBackup{}, repair.GiveUp{})
		if err != nil || len(done.Broken) > 0 {
			t.Errorf("%s: repair gives %v, %v", name, done, err)
		}
		h.RebuildIndex()
		h.Verify()
	}
	text, err := os.ReadFile(last)
	if err == nil {
		err = os.WriteFile(last, append(text[:len(text)/2], text[len(text)/2+1:]...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := eventverify.Manifests(t.Context(), h.Store, "sales"); err == nil || !strings.Contains(err.Error(), filepath.Base(last)) {
		t.Errorf("damage gives %v", err)
	}
}
