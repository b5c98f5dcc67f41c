// Files of streams that identify rows by their file: ingested while short, and again when grown.

package intake_test

import (
	"fmt"
	"strings"
	"testing"

	"bursar/internal/event/intake"
	"bursar/internal/failure"
)

var rowYAML = strings.Replace(plainYAML, "id: id\n", "id: _row\n", 1)

// manySales are rows that no two files begin with by chance.
func manySales(from, to int) string {
	var text strings.Builder
	for i := from; i < to; i++ {
		text.WriteString(sale(fmt.Sprint("a sale of the day number ", i), "sale", "1.00", "EUR"))
	}
	return text.String()
}

func TestGrownFileOfRowsIsRefused(t *testing.T) {
	t.Parallel()
	row := sale("1", "sale", "1.00", "EUR")
	for name, c := range map[string]struct {
		yaml, first, second string
		paths               [2]string
		refused             bool
	}{
		"the same name":           {rowYAML, row, row + sale("2", "sale", "1.00", "EUR"), [2]string{"a.jsonl", "a.jsonl"}, true},
		"another folder":          {rowYAML, row, row + sale("2", "sale", "1.00", "EUR"), [2]string{"a.jsonl", "b/a.jsonl"}, true},
		"within a row":            {rowYAML, row + "{", row + sale("2", "sale", "1.00", "EUR"), [2]string{"a.jsonl", "a.jsonl"}, true},
		"renamed, of many rows":   {rowYAML, manySales(0, 100), manySales(0, 101), [2]string{"a.jsonl", "b.jsonl"}, true},
		"alike by chance":         {rowYAML, row, row + sale("2", "sale", "1.00", "EUR"), [2]string{"a.jsonl", "b.jsonl"}, false},
		"other rows of that name": {rowYAML, row, sale("2", "sale", "1.00", "EUR") + row, [2]string{"a.jsonl", "a.jsonl"}, false},
		"nothing taken before":    {rowYAML, "", row, [2]string{"a.jsonl", "a.jsonl"}, false},
		"rows known by an id":     {plainYAML, row, row + sale("2", "sale", "1.00", "EUR"), [2]string{"a.jsonl", "a.jsonl"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, c.yaml)
			take := func(path, text string) (intake.Result, error) {
				return intake.Ingest(t.Context(), h.Store, h.Stream, []string{h.File(path, text)}, intake.Options{})
			}
			first, err := take(c.paths[0], c.first)
			if err != nil {
				t.Fatal(err)
			}
			h.Ingest(fmt.Sprintf("%d 1 1 0 0", first.Batch+1), h.File("between.jsonl", sale("9", "sale", "9.00", "EUR")))
			_, err = take(c.paths[1], c.second)
			if !c.refused {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if err == nil || failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "/a.jsonl, which batch 1 ") || !strings.Contains(err.Error(), "to a separate file") {
				t.Errorf("got %v (%v)", err, failure.Of(err))
			}
			if n := len(h.Batches()); n != 2 {
				t.Errorf("%d batches", n)
			}
		})
	}
}

// TestGrownFileOfOneCall is of a file and what it has grown to, in one batch; the very same file is only known.
func TestGrownFileOfOneCall(t *testing.T) {
	t.Parallel()
	h := newHarness(t, rowYAML)
	short, long := h.File("a.jsonl", manySales(0, 1)), h.File("b/a.jsonl", manySales(0, 2))
	if _, err := intake.Ingest(t.Context(), h.Store, h.Stream, []string{short, long}, intake.Options{}); err == nil || !strings.Contains(err.Error(), short) {
		t.Errorf("got %v", err)
	}
	h.Ingest("1 2 2 0 0", long)
	h.Ingest("2 1 1 0 0", short) // it is not known to be a part of the other
	h.Ingest("0 2 0 0 2", long)
}
