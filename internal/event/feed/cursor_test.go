// Tests of the text of cursors.

package feed_test

import (
	"testing"

	"bursar/internal/event/feed"
	"bursar/internal/failure"
)

// FuzzParseCursor parses any text. What is accepted is the one text of its cursor.
func FuzzParseCursor(f *testing.F) {
	h := newHarness(f)
	h.Ingest("1 3 3 0 0", h.File("a.jsonl", lines(1, 3)))
	for _, text := range []string{
		"x", "latest", "AQ", h.begin().String(), h.page(h.begin(), generous).Next, h.page(h.begin(), feed.Limit{Rows: 1, Bytes: 1}).Next,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := feed.ParseCursor("sales", text)
		switch {
		case err != nil && failure.Of(err) != failure.Data:
			t.Errorf("%q: %v", text, err)
		case err == nil && text != "" && c.String() != text:
			t.Errorf("%q is the cursor %s", text, c)
		}
	})
}

// TestBadCursors refuses cursors of other streams, and altered ones.
func TestBadCursors(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.Ingest("1 3 3 0 0", h.File("a.jsonl", lines(1, 3)))
	text := h.page(h.begin(), feed.Limit{Rows: 1, Bytes: 1}).Next
	if _, err := feed.ParseCursor("others", text); err == nil {
		t.Error("a cursor of another stream is accepted")
	}
	for _, bad := range []string{text + "A", text[1:], text[:len(text)-1], text + "=", " " + text, "latest"} {
		if c, err := feed.ParseCursor("sales", bad); err == nil {
			_ = h.wantGone(c) // another batch, at most
		}
	}
}
