// Streams that keep versions, over stores of their own: what is a version and what a duplicate, from what time on, and which version
// a retraction is of.

package retract_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"bursar/internal/event"
	"bursar/internal/event/ids"
	"bursar/internal/event/intake"
	"bursar/internal/event/live"
	"bursar/internal/event/repair"
	"bursar/internal/event/retract"
	"bursar/internal/failure"
)

var versionsYAML = strings.Replace(plainYAML, "id: id\n", "id: id\nversions: keep\n", 1)

func TestVersionsAreAccepted(t *testing.T) {
	t.Parallel()
	h := newHarness(t, versionsYAML)
	first := h.File("a.jsonl", amounts("1", "1.00", "2.00", "1.00"))
	h.Ingest("1 3 2 0 1", first)
	h.Ingest("2 4 2 0 2", h.File("b.jsonl", amounts("1", "3.00", "2.0", "1.00")+amounts("2", "1.00")))
	h.Ingest("0 3 0 0 3", first)
	h.Ingest("0 2 0 0 2", h.File("c.jsonl", amounts("1", "2.00", "3.00")))
	h.Verify()
	h.RebuildIndex()
	h.Verify()
	h.Ingest("3 3 1 0 2", h.File("d.jsonl", amounts("1", "3.00", "2.00", "4.00")))
	h.ExpectFolded("2 map[EUR:3.00]", "2 map[EUR:4.00]", "1 map[EUR:4.00]")
}

func TestVersionsWithinTheWindow(t *testing.T) {
	t.Parallel()
	h := newHarness(t, versionsYAML+"dedupe: 2d\n")
	h.Ingest("1 2 2 0 0", h.File("a.jsonl", amounts("1", "1.00", "2.00")))
	h.Now = h.Now.Add(24 * time.Hour)
	h.Ingest("2 3 1 0 2", h.File("b.jsonl", amounts("1", "1.00", "2.00", "3.00")))
	h.Now = h.Now.Add(24*time.Hour + time.Second)
	h.Ingest("3 3 2 0 1", h.File("c.jsonl", amounts("1", "1.0", "2.0", "3.0")))
	h.Verify()
}

// TestVersionsDeclaredLater: conflicts that lie in quarantine become versions, each where it was received.
func TestVersionsDeclaredLater(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.Ingest("1 2 1 1 0", h.File("a.jsonl", amounts("1", "1.00", "2.00")))
	h.Ingest("2 2 1 1 0", h.File("b.jsonl", amounts("1", "3.00")+amounts("2", "1.00")))
	h.Declare(versionsYAML)
	h.Ingest("3 4 1 0 3", h.File("c.jsonl", amounts("1", "4.00", "1.00")+amounts("2", "1.00")+amounts("1", "4.00")))
	h.ExpectRefused("1:2", "as a new version")
	r, err := intake.Retry(t.Context(), h.Store, h.Stream, intake.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h.Expect(r, "4 2 2 0 0")
	if left := h.Reasons(); len(left) > 0 {
		t.Errorf("in quarantine are %q", left)
	}
	h.Verify()
	h.Ingest("0 3 0 0 3", h.File("d.jsonl", amounts("1", "2.00", "3.00", "4.00")))
	h.RebuildIndex()
	h.Verify()
}

// TestVersionsFromAnOlderIndex: an index whose digests have no key becomes one of versions, too.
func TestVersionsFromAnOlderIndex(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.Ingest("1 1 1 0 0", h.File("a.jsonl", amounts("1", "1.00")))
	h.MakeOlder()
	h.Declare(versionsYAML)
	h.Ingest("2 3 1 0 2", h.File("b.jsonl", amounts("1", "2.00", "1.00", "2.00")))
	h.Verify()
}

func TestVersionsAreKeptForEver(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.Ingest("1 1 1 0 0", h.File("a.jsonl", amounts("1", "1.00")))
	h.Declare(versionsYAML)
	if _, err := intake.Ingest(t.Context(), h.Store, h.Stream, []string{h.File("b.jsonl", amounts("1", "2.00"))}, intake.Options{DryRun: true}); err != nil {
		t.Fatal(err)
	}
	h.Declare(plainYAML) // no version was ingested
	h.Ingest("2 2 1 1 0", h.File("c.jsonl", amounts("2", "1.00")+amounts("1", "3.00")))
	h.Verify()
	h.Declare(versionsYAML)
	h.Ingest("3 2 2 0 0", h.File("d.jsonl", amounts("1", "2.00", "3.00")))
	h.Declare(plainYAML)
	refused := func(what string, err error) {
		t.Helper()
		var growth *event.GrowthError
		if !errors.As(err, &growth) || failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "does not declare that: restore it, or declare a new stream") {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := intake.Ingest(t.Context(), h.Store, h.Stream, []string{h.File("e.jsonl", amounts("1", "1.00"))}, intake.Options{})
	refused("ingest", err)
	refused("check", event.CheckGrowth(t.Context(), h.Store.Catalog, h.Stream))
	refused("rebuild of the index", ids.Rebuild(t.Context(), h.Store, h.Stream))
	batches := h.Batches()
	refused("a batch", batches[2].CheckGrowth(h.Stream))
	if err := batches[1].CheckGrowth(h.Stream); err != nil {
		t.Error(err)
	}
}

// TestVersionsAdopted: a catalog that is older than the batches learns from their manifests that versions are kept.
func TestVersionsAdopted(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.Ingest("1 1 1 0 0", h.File("a.jsonl", amounts("1", "1.00")))
	h.CopyCatalog("older.db")
	h.Declare(versionsYAML)
	h.Ingest("2 2 2 0 0", h.File("b.jsonl", amounts("1", "2.00", "3.00")))
	h.RestoreCatalog("older.db")
	done, err := repair.Stream(t.Context(), h.Store, h.Stream, noBackup{}, repair.GiveUp{})
	if err != nil || len(done.Broken) > 0 || fmt.Sprint(done.Done) != "[adopted batch 2 of sales]" {
		t.Fatal(done, err)
	}
	h.RebuildIndex()
	h.Verify()
	h.Ingest("3 4 1 0 3", h.File("c.jsonl", amounts("1", "1.0", "2.0", "3.0", "4.0")))
	h.Declare(plainYAML)
	if err := event.CheckGrowth(t.Context(), h.Store.Catalog, h.Stream); err == nil {
		t.Error("versions need not be kept")
	}
}

// TestVersionsRetracted: one version is retracted by its batch, in which the newest is meant, and comes again or is taken back.
func TestVersionsRetracted(t *testing.T) {
	t.Parallel()
	h := newHarness(t, versionsYAML)
	first := h.File("a.jsonl", amounts("1", "1.00"))
	second := h.File("b.jsonl", amounts("1", "2.00", "4.00"))
	h.Ingest("1 1 1 0 0", first)
	h.Ingest("2 2 2 0 0", second)
	_, err := retract.Retract(t.Context(), h.Store, h.Stream, retract.Options{Event: "1", Reason: "wrong"})
	want := fmt.Sprintf(`event "1" of sales has 3 versions, the newest last: batch 1 (%s, row 1), batch 2 (%s, row 1), batch 2 (%[2]s, row 2); name the batch, `+
		"as in `bursar retract sales 2 --event ID`", first, second)
	if err == nil || failure.Of(err) != failure.Data || !strings.Contains(err.Error(), want) {
		t.Fatalf("got %v\nwant %s", err, want)
	}
	newest := retract.Options{Batch: 2, Event: "1", Reason: "wrong"}
	h.Retract("1 1", newest)
	if again := h.Retract("1 1", newest); !again.Already {
		t.Error("the same command retracts another version")
	}
	h.ExpectFolded("1 map[EUR:1.00]", "1 map[EUR:2.00]")
	h.Verify()
	h.Ingest("3 2 1 0 1", h.File("c.jsonl", amounts("1", "4.00", "2.00")))
	newest.Undo = true
	if _, err := retract.Retract(t.Context(), h.Store, h.Stream, newest); !errors.As(err, new(*retract.IDReusedError)) {
		t.Errorf("the version counts twice: %v", err)
	}
	h.Retract("2 1", retract.Options{Batch: 3, Event: "1", Reason: "came again"})
	h.Retract("3 1", newest)
	h.ExpectFolded("1 map[EUR:1.00]", "2 map[EUR:6.00]", "0 map[EUR:0.00]")
	h.Verify()
	h.Ingest("0 2 0 0 2", h.File("d.jsonl", amounts("1", "4.0", "2.0")))
	h.RetractBatch("4 2", 2)
	h.Ingest("4 2 2 0 0", second)
	h.Verify()
}

// TestVersionsLive: requests bring versions, and those of a spool that nobody sealed.
func TestVersionsLive(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.Ingest("1 2 1 1 0", h.File("a.jsonl", amounts("1", "1.00", "2.00")))
	h.Declare(versionsYAML)
	l := h.StartLive(live.Options{Window: time.Hour})
	h.Accept(l, "", amounts("1", "3.00", "1.00", "4.00", "3.00"), "4 2 2 0")
	h.Seal(l)
	h.Accept(l, "", amounts("1", "4.00", "5.00"), "2 1 1 0")
	h.Seal(l)
	r, err := h.RetryLive(l)
	if err != nil {
		t.Fatal(err)
	}
	h.Expect(r, "4 1 1 0 0")
	h.Verify()
}
