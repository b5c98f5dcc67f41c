// Which changes of a stream with events are allowed, and which are not.

package event_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/failure"
)

const readYAML = `
stream: sales
format: csv
csv: {delimiter: ";"}
encoding: windows-1252
id: id
columns:
  id: {type: string}
  amount: {type: "decimal(18,2)", decimal: ",", group: "."}
  at: {type: timestamp, zone: Europe/Prague, format: "%d.%m.%Y %H:%M"}
  note: {type: string, from: Note, optional: true}
`

// TestReadingNeverChanges: what identifies an event and how a value is read cannot change once the stream contains events.
func TestReadingNeverChanges(t *testing.T) {
	t.Parallel()
	h := newHarness(t, readYAML)
	h.Ingest("1 1 1 0 0", h.File("a.csv", "id;amount;at;Note\n1;1.000,50;01.02.2026 10:00;x\n"))
	next := h.File("b.csv", "id;amount;at;Note\n2;1,50;01.02.2026 10:00;x\n")
	for _, change := range [][4]string{
		{"id: id\n", "id: [id, amount]\n", "id: [id]", "id: [id, amount]"},
		{"id: id\n", "id: _row\n", "id: [id]", "id: [_row]"},
		{"id: id\n", "id: _content\n", "id: [id]", "id: [_content]"},
		{`delimiter: ";"`, `delimiter: ","`, `delimiter: ";"`, `delimiter: ","`},
		{"encoding: windows-1252", "encoding: ibm850", "encoding: windows-1252", "encoding: IBM850"},
		{"encoding: windows-1252\n", "", "encoding: windows-1252", ", id: [id]"},
		{"format: csv\ncsv: {delimiter: \";\"}\n", "format: jsonl\n", "format: csv", "format: jsonl"},
		{"zone: Europe/Prague", "zone: Europe/London", "zone: Europe/Prague", "zone: Europe/London"},
		{"zone: Europe/Prague, ", "", "zone: Europe/Prague", "type: timestamp, format"},
		{"%d.%m.%Y", "%m.%d.%Y", "%d.%m.%Y", "%m.%d.%Y"},
		{"from: Note", "from: Text", "from: Note", "from: Text"},
		{"from: Note, ", "", "from: Note", "type: string, optional"},
		{`decimal: ",", group: "."`, `decimal: ",", group: " "`, `group: "."`, `group: " "`},
		{`, group: "."`, ``, `group: "."`, `decimal: ","}`},
	} {
		h.Declare(strings.Replace(readYAML, change[0], change[1], 1))
		_, ingested := intake.Ingest(t.Context(), h.Store, h.Stream, []string{next}, intake.Options{})
		for _, err := range []error{ingested, event.CheckGrowth(t.Context(), h.Store.Catalog, h.Stream)} {
			if failure.Of(err) != failure.Data || err == nil || !strings.Contains(err.Error(), "a schema only grows") ||
				!strings.Contains(err.Error(), change[2]) || !strings.Contains(err.Error(), change[3]) {
				t.Errorf("%q → %q: %v", change[0], change[1], err)
			}
		}
	}
	h = newHarness(t, strings.Replace(readYAML, "encoding: windows-1252\n", "", 1))
	h.Ingest("1 1 1 0 0", h.File("a.csv", "id;amount;at;Note\n1;1.000,50;01.02.2026 10:00;x\n"))
	for n, growth := range []string{"", "dedupe: 30d\n", "  more: {type: string, optional: true, absent: ok, from: More}\n"} {
		h.Declare(readYAML + growth)
		h.Ingest(fmt.Sprint(n+2, 1, 1, 0, 0), h.File("c.csv", fmt.Sprintf("id;amount;at;Note\nc%d;1,50;01.02.2026 10:00;x\n", n)))
	}
}

// TestUnknownReading: a stream whose batches were sealed before these were remembered goes on, and is remembered from then on.
func TestUnknownReading(t *testing.T) {
	t.Parallel()
	h := newHarness(t, readYAML)
	h.Ingest("1 1 1 0 0", h.File("a.csv", "id;amount;at;Note\n1;1.000,50;01.02.2026 10:00;x\n"))
	err := h.Store.Catalog.Update(t.Context(), func(tx catalog.Tx) error {
		state := map[string]any{}
		if _, err := tx.Get("stream/sales", &state); err != nil {
			return err
		}
		delete(state, "declared")
		columns, ok := state["columns"].([]any)
		if !ok {
			return fmt.Errorf("no columns in %v", state)
		}
		for _, c := range columns {
			if c, ok := c.(map[string]any); ok {
				for _, name := range []string{"from", "format", "zone", "decimal", "group"} {
					delete(c, name)
				}
			}
		}
		return tx.Put("stream/sales", state)
	})
	if err != nil {
		t.Fatal(err)
	}
	h.Ingest("2 1 1 0 0", h.File("b.csv", "id;amount;at;Note\n2;1,50;01.02.2026 10:00;x\n"))
	h.Declare(strings.Replace(readYAML, "id: id\n", "id: _row\n", 1))
	_, err = intake.Ingest(t.Context(), h.Store, h.Stream, []string{filepath.Join(h.Dir, "b.csv")}, intake.Options{})
	if failure.Of(err) != failure.Data || err == nil {
		t.Errorf("another identity: %v", err)
	}
}
