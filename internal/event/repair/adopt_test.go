// Catalogs that are older than the objects: nothing sealed is lost or overwritten, and unknown batches are adopted.

package repair_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/ids"
	"bursar/internal/event/intake"
	"bursar/internal/event/live"
	"bursar/internal/event/repair"
	eventverify "bursar/internal/event/verify"
	"bursar/internal/failure"
)

// dump is every document of the catalog.
func (h *harness) dump() map[string]string {
	h.T.Helper()
	all := map[string]string{}
	err := h.Store.Catalog.View(h.T.Context(), func(tx catalog.Tx) error {
		return tx.List("", func(key string, value json.RawMessage) error {
			all[key] = string(value)
			return nil
		})
	})
	if err != nil {
		h.T.Fatal(err)
	}
	return all
}

// fillThree seals three batches: one with rows in quarantine, one of requests, and a retry.
func fillThree(t *testing.T) *harness {
	t.Helper()
	h := newHarness(t, plainYAML)
	h.Ingest("1 3 2 1 0", h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")+sale("2", "sale", "2.00", "EUR")+sale("3", "gift", "3.00", "EUR")))
	h.CopyCatalog("yesterday.db")
	l, err := live.Open(t.Context(), h.Store, h.Stream, live.Options{Spool: h.Spools})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Accept(t.Context(), live.Request{Body: []byte(sale("4", "sale", "4.00", "EUR") + "{bad\n")}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.Declare(strings.Replace(plainYAML, "[sale, refund]", "[sale, refund, gift]", 1))
	r, err := intake.Retry(t.Context(), h.Store, h.Stream, intake.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h.Expect(r, "3 2 1 1 0")
	return h
}

func TestOlderCatalogIsRefused(t *testing.T) {
	t.Parallel()
	h := fillThree(t)
	before := h.ObjectBytes()
	h.RestoreCatalog("yesterday.db")
	_, err := intake.Ingest(t.Context(), h.Store, h.Stream, []string{h.File("b.jsonl", sale("9", "sale", "9.00", "EUR"))}, intake.Options{})
	var older *event.NotInCatalogError
	if !errors.As(err, &older) || older.Batch != 2 || failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "run `bursar repair`") {
		t.Errorf("ingest: %v", err)
	}
	if err := eventverify.CheckCatalog(t.Context(), h.Store, "sales"); !errors.As(err, &older) {
		t.Errorf("check: %v", err)
	}
	if after := h.ObjectBytes(); !reflect.DeepEqual(before, after) {
		t.Errorf("objects have changed: %d before, %d after", len(before), len(after))
	}
}

// Adopting brings the catalog back to what it was, from any earlier one and from none.
func TestAdopt(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"yesterday.db", ""} {
		t.Run("from "+from, func(t *testing.T) {
			t.Parallel()
			h := fillThree(t)
			want := h.dump()
			h.RestoreCatalog(from)
			adopted, err := repair.Adopt(t.Context(), h.Store, h.Stream)
			if err != nil || len(adopted) != map[string]int{"yesterday.db": 2, "": 3}[from] {
				t.Fatalf("adopted %v, %v", adopted, err)
			}
			if _, err := intake.Ingest(t.Context(), h.Store, h.Stream, []string{h.File("b.jsonl", sale("4", "sale", "4.00", "EUR"))}, intake.Options{}); err == nil ||
				!strings.Contains(err.Error(), "bursar repair") {
				t.Errorf("ingest before the dedupe index is made again: %v", err)
			}
			h.Store.Duck.Dirs = []string{filepath.Join(h.Dir, "objects")}
			if err := ids.Rebuild(t.Context(), h.Store, h.Stream); err != nil {
				t.Fatal(err)
			}
			if err := ids.Verify(t.Context(), h.Store, h.Stream); err != nil {
				t.Error(err)
			}
			got := h.dump()
			got["stream/sales"], want["stream/sales"] = withoutRuns(got["stream/sales"]), withoutRuns(want["stream/sales"])
			got["stream/sales"], want["stream/sales"] = strings.ReplaceAll(got["stream/sales"], `"opened":1,`, ""), strings.ReplaceAll(want["stream/sales"], `"opened":1,`, "")
			for key, value := range want {
				if got[key] != value {
					t.Errorf("%s is\n%s, was\n%s", key, got[key], value)
				}
			}
			if len(got) != len(want) {
				t.Errorf("%d documents, want %d", len(got), len(want))
			}
			if again, err := repair.Adopt(t.Context(), h.Store, h.Stream); err != nil || again != nil {
				t.Errorf("again: %v, %v", again, err)
			}
			h.Ingest("4 2 1 0 1", h.File("b.jsonl", sale("4", "sale", "4.00", "EUR")+sale("9", "sale", "9.00", "EUR")))
		})
	}
}

// withoutRuns is a stream's state without the runs of its dedupe index, which is made again.
func withoutRuns(state string) string {
	return regexp.MustCompile(`"merges":\d+,|"memory":(null|\[.*\]),?`).ReplaceAllString(state, "")
}

// A manifest of the version before has no checksum: it is believed after a recount.
func TestAdoptEarlierManifest(t *testing.T) {
	t.Parallel()
	for _, changed := range []string{"", `"accepted": 2`, `"EUR": "3.00"`} {
		t.Run(changed, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, plainYAML)
			h.Ingest("1 2 2 0 0", h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")+sale("2", "sale", "2.00", "EUR")))
			path := filepath.Join(h.Dir, "objects", "streams/sales/batches/00000001/manifest.json")
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			earlier := append(text[:bytes.LastIndex(text, []byte(",\n  \"declared\": {"))], "\n}"...)
			if changed != "" {
				earlier = bytes.Replace(earlier, []byte(changed), []byte(strings.NewReplacer("2", "7", "3", "7").Replace(changed)), 1)
			}
			if err := os.WriteFile(path, earlier, 0o600); err != nil {
				t.Fatal(err)
			}
			h.RestoreCatalog("")
			h.Store.Duck.Dirs = []string{filepath.Join(h.Dir, "objects")}
			adopted, err := repair.Adopt(t.Context(), h.Store, h.Stream)
			if (err == nil) != (changed == "") || len(adopted) == 1 != (changed == "") {
				t.Errorf("adopted %v, %v", adopted, err)
			}
		})
	}
}

// Any changed bit of a manifest and of the objects that it names keeps the batch from being adopted.
func TestAdoptNothingDamaged(t *testing.T) {
	t.Parallel()
	h := fillThree(t)
	for name, text := range h.ObjectBytes() {
		if !strings.Contains(name, "/00000001/") || strings.HasSuffix(name, "/ids") {
			continue
		}
		step := max(1, len(text)/40)
		for at := 0; at < len(text); at += step {
			flipped := []byte(text)
			flipped[at] ^= 1 << (at % 8)
			h.File("objects/"+name, string(flipped))
			h.RestoreCatalog("")
			if adopted, err := repair.Adopt(t.Context(), h.Store, h.Stream); err == nil || adopted != nil || failure.Of(err) != failure.Data {
				t.Fatalf("%s with byte %d changed: adopted %v, %v", name, at, adopted, err)
			}
		}
		h.File("objects/"+name, text)
	}
}

// A process that dies between the catalog's transaction and the manifest leaves it to the next intake.
func TestManifestIsWrittenLater(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.Ingest("1 1 1 0 0", h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")))
	name := "streams/sales/batches/00000001/manifest.json"
	before := h.ObjectBytes()[name]
	if err := h.Store.Objects.Delete(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	h.Ingest("2 1 1 0 0", h.File("b.jsonl", sale("2", "sale", "1.00", "EUR")))
	if after := h.ObjectBytes()[name]; after != before {
		t.Errorf("the manifest is\n%s\nwas\n%s", after, before)
	}
}
