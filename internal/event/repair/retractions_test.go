// Retractions that are lost: the catalog does not have them and their objects are gone. What says that they were made has the stream
// refused, until they come back or are given up.

package repair_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/event/repair"
	"bursar/internal/event/retract"
	eventverify "bursar/internal/event/verify"
	"bursar/internal/failure"
)

// fillRetractions makes retractions 1 to 5: of an event, of a batch, the undo of the first, of an event for the row that is accepted in its
// place, and of another event.
func fillRetractions(t *testing.T) *harness {
	t.Helper()
	h := newHarness(t, plainYAML)
	h.Ingest("1 3 3 0 0", h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")+sale("2", "sale", "2.00", "EUR")+sale("3", "sale", "4.00", "EUR")))
	h.Ingest("2 1 1 0 0", h.File("b.jsonl", sale("4", "sale", "8.00", "EUR")))
	h.Ingest("3 1 0 1 0", h.File("c.jsonl", sale("3", "sale", "5.00", "EUR")))
	h.Retract("1 1", retract.Options{Event: "1", Reason: "wrong"})
	h.RetractBatch("2 1", 2)
	h.Retract("3 1", retract.Options{Event: "1", Undo: true})
	if _, err := intake.AcceptRow(t.Context(), h.Store, h.Stream, intake.AcceptOptions{Row: event.Place{File: 3, Row: 1}, Reason: "right"}); err != nil {
		t.Fatal(err)
	}
	h.Retract("5 1", retract.Options{Event: "2", Reason: "wrong"})
	return h
}

func TestMissingRetraction(t *testing.T) {
	t.Parallel()
	kinds := []struct {
		name   string
		number uint64
		folded string // once it is given up: events and totals of the four batches
	}{
		{"of an event", 1, "1 map[EUR:1.00]; 0 map[]; 0 map[]; 1 map[EUR:5.00]"},
		{"of a batch", 2, "1 map[EUR:1.00]; 1 map[EUR:8.00]; 0 map[]; 1 map[EUR:5.00]"},
		{"undo", 3, "0 map[EUR:0.00]; 0 map[]; 0 map[]; 1 map[EUR:5.00]"},
		{"for an accepted row", 4, "2 map[EUR:5.00]; 0 map[]; 0 map[]; 1 map[EUR:5.00]"},
		{"the last", 5, "2 map[EUR:3.00]; 0 map[]; 0 map[]; 1 map[EUR:5.00]"},
	}
	for _, kind := range kinds {
		for _, unknown := range []bool{false, true} {
			if unknown && kind.name == "the last" {
				continue // it is not known to have been made
			}
			t.Run(fmt.Sprint(kind.name, ", catalog without what follows it: ", unknown), func(t *testing.T) {
				t.Parallel()
				h := fillRetractions(t)
				h.RemoveRetraction(kind.number, unknown)
				h.expectMissing(kind.number)
				done, err := repair.Stream(t.Context(), h.Store, h.Stream, noBackup{}, repair.GiveUp{})
				if err != nil || len(done.Broken) != 1 {
					t.Errorf("repair gives %v, %v", done, err)
				}
				h.expectMissing(kind.number)
				give := repair.GiveUp{Retractions: []uint64{kind.number}, Reason: "no copy has it"}
				done, err = repair.Stream(t.Context(), h.Store, h.Stream, noBackup{}, give)
				if err != nil || len(done.Broken) > 0 || !strings.Contains(strings.Join(done.Done, "\n"), fmt.Sprintf("gave up retraction %d of sales", kind.number)) {
					t.Fatalf("repair without it gives %v, %v", done, err)
				}
				if err := eventverify.CheckCatalog(t.Context(), h.Store, "sales"); err != nil {
					t.Error(err)
				}
				h.ExpectFolded(strings.Split(kind.folded, "; ")...)
			})
		}
	}
}

// expectMissing expects that opening, verification and repair name the missing retraction and its remedy.
func (h *harness) expectMissing(number uint64) {
	h.T.Helper()
	_, verified := eventverify.Manifests(h.T.Context(), h.Store, "sales")
	for what, err := range map[string]error{"check": eventverify.CheckCatalog(h.T.Context(), h.Store, "sales"), "verify": verified} {
		var older *event.NotInCatalogError
		if !errors.As(err, &older) || older.Retraction != number || failure.Of(older) != failure.Data {
			h.T.Errorf("%s: %v", what, err)
			continue
		}
		for _, next := range []string{"`bursar repair --from BACKUP`", fmt.Sprintf("`bursar repair --give-up \"retraction %d of sales\" --reason TEXT`", number)} {
			if !strings.Contains(err.Error(), next) {
				h.T.Errorf("%s does not name %s: %v", what, next, err)
			}
		}
	}
}

// TestGiveUpRetraction: only what is missing is given up, the stream goes on after it, and what was given up is recorded.
func TestGiveUpRetraction(t *testing.T) {
	t.Parallel()
	h := fillRetractions(t)
	for _, number := range []uint64{1, 5, 6} {
		if _, err := repair.Stream(t.Context(), h.Store, h.Stream, noBackup{}, repair.GiveUp{Retractions: []uint64{number}, Reason: "x"}); err == nil || !strings.Contains(err.Error(), "is not missing") {
			t.Errorf("retraction %d: %v", number, err)
		}
	}
	h.RemoveRetraction(1, true)
	wrong := repair.GiveUp{Retractions: []uint64{1, 99}, Reason: "no copy has it"}
	if done, err := repair.Stream(t.Context(), h.Store, h.Stream, noBackup{}, wrong); err == nil || len(done.Done) > 0 {
		t.Errorf("with a number that was never given repair gives %v, %v", done, err)
	}
	h.expectMissing(1)
	give := repair.GiveUp{Retractions: []uint64{1}, Reason: "no copy has it"}
	for n := range 2 {
		if done, err := repair.Stream(t.Context(), h.Store, h.Stream, noBackup{}, give); err != nil || len(done.Broken) > 0 || n == 1 && len(done.Done) > 0 {
			t.Fatalf("call %d of repair gives %v, %v", n+1, done, err)
		}
	}
	h.RebuildIndex()
	h.Verify()
	h.Retract("6 1", retract.Options{Event: "1", Reason: "again"})
	h.Ingest("5 1 1 0 0", h.File("d.jsonl", sale("1", "sale", "1.00", "EUR")))
	h.RestoreCatalog("")
	if done, err := repair.Stream(t.Context(), h.Store, h.Stream, noBackup{}, repair.GiveUp{}); err != nil || len(done.Broken) > 0 {
		t.Errorf("repair of a missing catalog gives %v, %v", done, err)
	}
	h.RebuildIndex()
	h.Verify()
}

// TestLastRetractionMissing: an older catalog does not know of the last retraction, whose object is missing. A batch that was sealed since does.
func TestLastRetractionMissing(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.Ingest("1 1 1 0 0", h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")))
	h.CopyCatalog("yesterday.db")
	h.RetractBatch("1 1", 1)
	h.Ingest("2 1 1 0 0", h.File("b.jsonl", sale("1", "sale", "2.00", "EUR")))
	h.RestoreCatalog("yesterday.db")
	if err := os.Remove(h.Object("streams/sales/retractions/00000001.json")); err != nil {
		t.Fatal(err)
	}
	if done, err := repair.Stream(t.Context(), h.Store, h.Stream, noBackup{}, repair.GiveUp{}); err != nil || len(done.Broken) != 1 {
		t.Errorf("repair gives %v, %v", done, err)
	}
	h.expectMissing(1)
}
