// Missing batches: they are known to have been sealed, and the stream goes on once they are given up.

package repair_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"bursar/internal/event/intake"
	"bursar/internal/event/repair"
	"bursar/internal/event/retract"
)

// TestGiveUpBatch loses the events of one of three batches: a take, another whose quarantine the third retries, and that.
func TestGiveUpBatch(t *testing.T) {
	t.Parallel()
	for _, kind := range []struct {
		name    string
		batch   uint64
		older   bool   // the catalog is of the day before the batch
		retract bool   // the batch is retracted
		missing string // of its objects: events, or all
		folded  string // once it is given up
		again   string // its file
	}{
		{"events, known", 1, false, false, "events", "0 map[]; 1 map[EUR:4.00]; 1 map[EUR:3.00]", "4 1 1 0 0"},
		{"events and quarantine, known", 2, false, false, "all", "1 map[EUR:1.00]; 0 map[]; 1 map[EUR:3.00]", "4 2 1 0 1"},
		{"the last one's, known", 3, false, false, "events", "1 map[EUR:1.00]; 1 map[EUR:4.00]; 0 map[]", ""},
		{"the last one's, its manifest there", 3, true, false, "events", "1 map[EUR:1.00]; 1 map[EUR:4.00]; 0 map[]", ""},
		{"the last one's, its retraction there", 3, true, true, "all", "1 map[EUR:1.00]; 1 map[EUR:4.00]; 0 map[]", ""},
		{"retracted, known", 1, false, true, "events", "0 map[]; 1 map[EUR:4.00]; 1 map[EUR:3.00]", "4 1 1 0 0"},
	} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, plainYAML)
			files := []string{h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")), h.File("b.jsonl", sale("2", "sale", "4.00", "EUR")+sale("3", "gift", "3.00", "EUR"))}
			h.Ingest("1 1 1 0 0", files[0])
			h.Ingest("2 2 1 1 0", files[1])
			h.CopyCatalog("yesterday.db")
			h.Declare(strings.Replace(plainYAML, "[sale, refund]", "[sale, refund, gift]", 1))
			r, err := intake.Retry(t.Context(), h.Store, h.Stream, intake.Options{})
			if err != nil {
				t.Fatal(err)
			}
			h.Expect(r, "3 1 1 0 0")
			if kind.retract {
				h.Retract("1 1", retract.Options{Batch: kind.batch, Reason: "wrong"})
			}
			if kind.older {
				h.RestoreCatalog("yesterday.db")
			}
			h.removeBatch(kind.batch, kind.missing == "all")
			name := fmt.Sprintf("batch %d of sales", kind.batch)
			done, err := repair.Stream(t.Context(), h.Store, h.Stream, noBackup{}, repair.GiveUp{})
			if err != nil || len(done.Broken) == 0 || !strings.Contains(done.Broken[0].Error(), fmt.Sprintf("`bursar repair --give-up %q --reason TEXT`", name)) {
				t.Fatalf("repair gives %v, %v", done, err)
			}
			give := repair.GiveUp{Batches: []uint64{kind.batch}, Reason: "no copy has it"}
			for n := range 2 {
				if done, err = repair.Stream(t.Context(), h.Store, h.Stream, noBackup{}, give); err != nil || len(done.Broken) > 0 || n == 1 && len(done.Done) > 0 {
					t.Fatalf("call %d of repair without it gives %v, %v", n+1, done, err)
				}
			}
			h.RebuildIndex()
			h.ExpectFolded(strings.Split(kind.folded, "; ")...)
			if kind.again != "" {
				h.Ingest(kind.again, files[kind.batch-1])
				h.Verify()
				return
			}
			r, err = intake.Retry(t.Context(), h.Store, h.Stream, intake.Options{})
			if err != nil {
				t.Fatal(err)
			}
			h.Expect(r, "4 1 1 0 0")
			h.Verify()
		})
	}
}

// removeBatch removes the objects of a batch that contain its events, or all of them.
func (h *harness) removeBatch(batch uint64, all bool) {
	h.T.Helper()
	folder := h.Object(fmt.Sprintf("streams/sales/batches/%08d", batch))
	list, err := os.ReadDir(folder)
	if err != nil {
		h.T.Fatal(err)
	}
	removed := 0
	for _, f := range list {
		if all || strings.HasPrefix(f.Name(), "events") {
			removed++
			if err := os.Remove(folder + "/" + f.Name()); err != nil {
				h.T.Fatal(err)
			}
		}
	}
	if removed == 0 {
		h.T.Fatalf("batch %d has no events among %v", batch, list)
	}
}

// TestGiveUpRetried loses a batch and the one that retries its quarantine, and gives them up in either order, at once or one by one.
func TestGiveUpRetried(t *testing.T) {
	t.Parallel()
	for name, calls := range map[string][][]uint64{"at once": {{1, 2}}, "the first": {{1}, {2}}, "the second": {{2}, {1}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, plainYAML)
			path := h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")+sale("2", "gift", "3.00", "EUR"))
			h.Ingest("1 2 1 1 0", path)
			h.Declare(strings.Replace(plainYAML, "[sale, refund]", "[sale, refund, gift]", 1))
			r, err := intake.Retry(t.Context(), h.Store, h.Stream, intake.Options{})
			if err != nil {
				t.Fatal(err)
			}
			h.Expect(r, "2 1 1 0 0")
			h.removeBatch(1, true)
			h.removeBatch(2, true)
			for _, batches := range calls {
				if _, err := repair.Stream(t.Context(), h.Store, h.Stream, noBackup{}, repair.GiveUp{Batches: batches, Reason: "no copy has them"}); err != nil {
					t.Fatal(err)
				}
			}
			h.RebuildIndex()
			h.ExpectFolded("0 map[]", "0 map[]")
			if rows := h.Reasons(); len(rows) > 0 {
				t.Errorf("in quarantine are %q", rows)
			}
			h.Ingest("3 2 2 0 0", path)
			h.Verify()
		})
	}
}
