// Streams that keep versions, over stores of their own: what is a version and what a duplicate, from what time on, and which version
// a retraction is of.

package event_test

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

// amounts are the amounts of an id's versions.
func amounts(id string, of ...string) string {
	var text strings.Builder
	for _, amount := range of {
		text.WriteString(sale(id, "sale", amount, "EUR"))
	}
	return text.String()
}

func TestVersionsAreAccepted(t *testing.T) {
	t.Parallel()
	h := newHarness(t, versionsYAML)
	first := h.file("a.jsonl", amounts("1", "1.00", "2.00", "1.00"))
	h.ingest("1 3 2 0 1", first)
	h.ingest("2 4 2 0 2", h.file("b.jsonl", amounts("1", "3.00", "2.0", "1.00")+amounts("2", "1.00")))
	h.ingest("0 3 0 0 3", first)
	h.ingest("0 2 0 0 2", h.file("c.jsonl", amounts("1", "2.00", "3.00")))
	h.verify()
	h.rebuildIndex()
	h.verify()
	h.ingest("3 3 1 0 2", h.file("d.jsonl", amounts("1", "3.00", "2.00", "4.00")))
	h.expectFolded("2 map[EUR:3.00]", "2 map[EUR:4.00]", "1 map[EUR:4.00]")
}

func TestVersionsWithinTheWindow(t *testing.T) {
	t.Parallel()
	h := newHarness(t, versionsYAML+"dedupe: 2d\n")
	h.ingest("1 2 2 0 0", h.file("a.jsonl", amounts("1", "1.00", "2.00")))
	h.now = h.now.Add(24 * time.Hour)
	h.ingest("2 3 1 0 2", h.file("b.jsonl", amounts("1", "1.00", "2.00", "3.00")))
	h.now = h.now.Add(24*time.Hour + time.Second)
	h.ingest("3 3 2 0 1", h.file("c.jsonl", amounts("1", "1.0", "2.0", "3.0")))
	h.verify()
}

// TestVersionsDeclaredLater: conflicts that lie in quarantine become versions, each where it was received.
func TestVersionsDeclaredLater(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.ingest("1 2 1 1 0", h.file("a.jsonl", amounts("1", "1.00", "2.00")))
	h.ingest("2 2 1 1 0", h.file("b.jsonl", amounts("1", "3.00")+amounts("2", "1.00")))
	h.declare(versionsYAML)
	h.ingest("3 4 1 0 3", h.file("c.jsonl", amounts("1", "4.00", "1.00")+amounts("2", "1.00")+amounts("1", "4.00")))
	h.expectRefused("1:2", "as a new version")
	r, err := intake.Retry(t.Context(), h.intake, h.stream, intake.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h.expect(r, "4 2 2 0 0")
	if left := h.reasons(); len(left) > 0 {
		t.Errorf("in quarantine are %q", left)
	}
	h.verify()
	h.ingest("0 3 0 0 3", h.file("d.jsonl", amounts("1", "2.00", "3.00", "4.00")))
	h.rebuildIndex()
	h.verify()
}

// TestVersionsFromAnOlderIndex: an index whose digests have no key becomes one of versions, too.
func TestVersionsFromAnOlderIndex(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.ingest("1 1 1 0 0", h.file("a.jsonl", amounts("1", "1.00")))
	h.makeOlder()
	h.declare(versionsYAML)
	h.ingest("2 3 1 0 2", h.file("b.jsonl", amounts("1", "2.00", "1.00", "2.00")))
	h.verify()
}

func TestVersionsAreKeptForEver(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.ingest("1 1 1 0 0", h.file("a.jsonl", amounts("1", "1.00")))
	h.declare(versionsYAML)
	if _, err := intake.Ingest(t.Context(), h.intake, h.stream, []string{h.file("b.jsonl", amounts("1", "2.00"))}, intake.Options{DryRun: true}); err != nil {
		t.Fatal(err)
	}
	h.declare(plainYAML) // no version was ingested
	h.ingest("2 2 1 1 0", h.file("c.jsonl", amounts("2", "1.00")+amounts("1", "3.00")))
	h.verify()
	h.declare(versionsYAML)
	h.ingest("3 2 2 0 0", h.file("d.jsonl", amounts("1", "2.00", "3.00")))
	h.declare(plainYAML)
	refused := func(what string, err error) {
		t.Helper()
		var growth *event.GrowthError
		if !errors.As(err, &growth) || failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "does not declare that: restore it, or declare a new stream") {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := intake.Ingest(t.Context(), h.intake, h.stream, []string{h.file("e.jsonl", amounts("1", "1.00"))}, intake.Options{})
	refused("ingest", err)
	refused("check", event.CheckGrowth(t.Context(), h.intake.Catalog, h.stream))
	refused("rebuild of the index", ids.Rebuild(t.Context(), h.intake, h.stream))
	batches := h.batches()
	refused("a batch", batches[2].CheckGrowth(h.stream))
	if err := batches[1].CheckGrowth(h.stream); err != nil {
		t.Error(err)
	}
}

// TestVersionsAdopted: a catalog that is older than the batches learns from their manifests that versions are kept.
func TestVersionsAdopted(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.ingest("1 1 1 0 0", h.file("a.jsonl", amounts("1", "1.00")))
	h.copyCatalog("older.db")
	h.declare(versionsYAML)
	h.ingest("2 2 2 0 0", h.file("b.jsonl", amounts("1", "2.00", "3.00")))
	h.restoreCatalog("older.db")
	if adopted, err := repair.Adopt(t.Context(), h.intake, h.stream); err != nil || fmt.Sprint(adopted) != "[2]" {
		t.Fatal(adopted, err)
	}
	h.rebuildIndex()
	h.verify()
	h.ingest("3 4 1 0 3", h.file("c.jsonl", amounts("1", "1.0", "2.0", "3.0", "4.0")))
	h.declare(plainYAML)
	if err := event.CheckGrowth(t.Context(), h.intake.Catalog, h.stream); err == nil {
		t.Error("versions need not be kept")
	}
}

// TestVersionsRetracted: one version is retracted by its batch, in which the newest is meant, and comes again or is taken back.
func TestVersionsRetracted(t *testing.T) {
	t.Parallel()
	h := newHarness(t, versionsYAML)
	first := h.file("a.jsonl", amounts("1", "1.00"))
	second := h.file("b.jsonl", amounts("1", "2.00", "4.00"))
	h.ingest("1 1 1 0 0", first)
	h.ingest("2 2 2 0 0", second)
	_, err := retract.Retract(t.Context(), h.intake, h.stream, retract.RetractOptions{Event: "1", Reason: "wrong"})
	want := fmt.Sprintf(`event "1" of sales has 3 versions, the newest last: batch 1 (%s, row 1), batch 2 (%s, row 1), batch 2 (%[2]s, row 2); name the batch, `+
		"as in `bursar retract sales 2 --event ID`", first, second)
	if err == nil || failure.Of(err) != failure.Data || !strings.Contains(err.Error(), want) {
		t.Fatalf("got %v\nwant %s", err, want)
	}
	newest := retract.RetractOptions{Batch: 2, Event: "1", Reason: "wrong"}
	h.retract("1 1", newest)
	if again := h.retract("1 1", newest); !again.Already {
		t.Error("the same command retracts another version")
	}
	h.expectFolded("1 map[EUR:1.00]", "1 map[EUR:2.00]")
	h.verify()
	h.ingest("3 2 1 0 1", h.file("c.jsonl", amounts("1", "4.00", "2.00")))
	newest.Undo = true
	if _, err := retract.Retract(t.Context(), h.intake, h.stream, newest); !errors.As(err, new(*retract.IDReusedError)) {
		t.Errorf("the version counts twice: %v", err)
	}
	h.retract("2 1", retract.RetractOptions{Batch: 3, Event: "1", Reason: "came again"})
	h.retract("3 1", newest)
	h.expectFolded("1 map[EUR:1.00]", "2 map[EUR:6.00]", "0 map[EUR:0.00]")
	h.verify()
	h.ingest("0 2 0 0 2", h.file("d.jsonl", amounts("1", "4.0", "2.0")))
	h.retractBatch("4 2", 2)
	h.ingest("4 2 2 0 0", second)
	h.verify()
}

// TestVersionsLive: requests bring versions, and those of a spool that nobody sealed.
func TestVersionsLive(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.ingest("1 2 1 1 0", h.file("a.jsonl", amounts("1", "1.00", "2.00")))
	h.declare(versionsYAML)
	l := h.startLive(live.LiveOptions{Window: time.Hour})
	h.accept(l, "", amounts("1", "3.00", "1.00", "4.00", "3.00"), "4 2 2 0")
	h.seal(l)
	h.accept(l, "", amounts("1", "4.00", "5.00"), "2 1 1 0")
	h.seal(l)
	r, err := l.Retry(t.Context(), intake.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h.expect(r, "4 1 1 0 0")
	h.verify()
}
