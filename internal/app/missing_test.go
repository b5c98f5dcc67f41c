// Retractions and batches that are missing in the catalog and the object store after artifacts were made with them.

package app

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/catalog"
	"bursar/internal/event/intake"
	"bursar/internal/event/repair"
	"bursar/internal/event/retract"
	"bursar/internal/reconcile/verify"
)

// openWithMissing folds three batches, retracts and restores the second, and then deletes one document and one object.
func openWithMissing(t *testing.T, document, object string) (dir string, files []string) {
	t.Helper()
	dir = t.TempDir()
	putFile(t, dir, "bursar.yaml", "threads: 1\n")
	putFile(t, dir, "streams/payments.yaml", paymentsYAML)
	putFile(t, dir, "pipelines/orders.yaml", ordersYAML)
	a, err := Open(t.Context(), dir, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s := a.Project.Stream("payments")
	for n := range 3 {
		files = append(files, putFile(t, dir, fmt.Sprint(n+1, ".jsonl"), fmt.Sprintf(`{"id":"%d","order":"o-%d","amount":"1.00"}`+"\n", n, n)))
		_, failed := intake.Ingest(t.Context(), a.Events, s, files[n:], intake.Options{})
		err = errors.Join(err, failed)
	}
	runAll(t, a, "orders")
	for _, undo := range []bool{false, true} {
		_, failed := retract.Retract(t.Context(), a.Events, s, retract.Options{Batch: 2, Reason: "wrong", Undo: undo})
		_, rebuild := rebuildHere(t.Context(), a, "orders")
		err = errors.Join(err, failed, rebuild)
	}
	lose := func(tx catalog.Tx) error { return tx.Delete(document) }
	err = errors.Join(err, a.Engine.Catalog.Update(t.Context(), lose), a.Close(), os.RemoveAll(filepath.Join(dir, ".bursar/objects/streams/payments", object)))
	if err != nil {
		t.Fatal(err)
	}
	return dir, files
}

// TestGiveUpMissing gives up the missing part: artifacts are rebuilt without it.
func TestGiveUpMissing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, document, object string
		give                   repair.GiveUp
		artifacts              int64
		waits                  string // why artifacts are not rebuilt before
	}{
		{"retraction 1 of payments", "retraction/payments/00000002/00000001", "retractions/00000001.json", repair.GiveUp{Retractions: []uint64{1}}, 3, ""},
		{"retraction 2 of payments", "retraction/payments/00000002/00000002", "retractions/00000002.json", repair.GiveUp{Retractions: []uint64{2}}, 2, "while a retraction is missing"},
		{"batch 3 of payments", "batch/payments/00000003", "batches/00000003", repair.GiveUp{Batches: []uint64{3}}, 2, "while events are missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir, files := openWithMissing(t, tt.document, tt.object)
			quiet := slog.New(slog.DiscardHandler)
			done, err := Repair(t.Context(), dir, RepairOptions{Sample: 10}, quiet)
			if text := strings.Join(done.Broken, "\n"); err != nil || !strings.Contains(text, `bursar repair --give-up "`+tt.name+`" --reason TEXT`) || !strings.Contains(text, tt.waits) || tt.waits == "" && strings.Contains(text, " while ") {
				t.Errorf("repair: %s, %v", text, err)
			}
			tt.give.Reason = "no copy"
			done, err = Repair(t.Context(), dir, RepairOptions{Sample: 10, GiveUp: map[string]repair.GiveUp{"payments": tt.give}}, quiet)
			if err != nil || len(done.Broken) != 1 || !strings.Contains(done.Broken[0], tt.name+" was given up") || !strings.Contains(done.Broken[0], "`bursar rebuild orders`") {
				t.Fatalf("repair without it: %+v, %v", done, err)
			}
			a, err := Open(t.Context(), dir, "test", quiet)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			if outdated, err := a.Queries.Retracted(t.Context(), "orders"); err != nil || !outdated {
				t.Errorf("artifacts include what was given up: %v, %v", outdated, err)
			}
			if _, err := rebuildHere(t.Context(), a, "orders"); err != nil {
				t.Fatal(err)
			}
			if g, err := a.Queries.Current(t.Context(), "orders"); err != nil || g.Artifacts != tt.artifacts {
				t.Errorf("%d artifacts are published, %v", g.Artifacts, err)
			}
			verified, err := a.VerifyProject(t.Context(), verify.Options{Sample: 10}, func(string, int64, int64) {})
			if err != nil || !verified.OK {
				t.Errorf("verified is %+v, %v", verified, err)
			}
			if len(tt.give.Batches) > 0 {
				if got, err := intake.Ingest(t.Context(), a.Events, a.Project.Stream("payments"), files[2:], intake.Options{}); err != nil || got.Accepted != 1 {
					t.Errorf("its file is ingested as %+v, %v", got, err)
				}
			}
		})
	}
}
