// Tests imports that end half-way, and entries in different words.

package aggregate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"bursar/internal/event"
	"bursar/internal/event/intake"
)

// TestInterruptedImports stops an import before each stream that it fills. Whether the same file or the same entry in
// other words is imported next, the entry counts once.
func TestInterruptedImports(t *testing.T) {
	t.Parallel()
	const text = ":20:A\n:25:A1\n:28C:1/1\n:60F:C240305EUR10,00\n:61:2403050305C0,10NTRFNONREF\n:86:%s\n:62F:C240305EUR10,10\n-\n"
	stop := errors.New("stopped")
	for at := range 5 {
		for _, next := range [][]string{{"Alice"}, {"Alice B"}, {"Alice B", "Alice"}} {
			h := newFixture(t, "")
			takes := 0
			h.importer.Ingest = func(ctx context.Context, stream string, files []string, parts func(string) []event.FilePart) (intake.Result, error) {
				if takes++; takes > at {
					return intake.Result{}, stop
				}
				return h.take(ctx, stream, files, parts)
			}
			path := h.file("a.sta", fmt.Sprintf(text, "Alice"))
			if _, err := h.importer.Import(t.Context(), []string{path}, Options{}); at < 4 && !errors.Is(err, stop) {
				t.Fatalf("before the take %d: %v", at, err)
			}
			h.importer.Ingest = h.take
			for _, party := range next {
				h.send(fmt.Sprintf(text, party))
			}
			if rows := h.stored("entries", "day, amount, text"); len(rows) != 1 {
				t.Errorf("after an end before take %d, then %q: stored are\n%s", at, next, strings.Join(rows, "\n"))
			}
		}
	}
}

// TestOtherWords matches what remains of a list, after all equal entries, with the remaining stored ones.
func TestOtherWords(t *testing.T) {
	t.Parallel()
	list := func(parties ...string) string {
		text := ":20:A\n:25:A1\n:28C:1/1\n:60F:C240305EUR10,00\n"
		for _, p := range parties {
			text += ":61:2403050305C0,10NTRFNONREF\n:86:" + p + "\n"
		}
		return fmt.Sprintf("%s:62F:C240305EUR10,%d0\n-\n", text, len(parties))
	}
	for _, c := range []struct {
		files       []string
		entries     int
		quarantined int
	}{
		{[]string{list("Alice"), list("Bob", "Alice")}, 2, 0},
		{[]string{list("Bob", "Alice"), list("Alice")}, 2, 0},
		{[]string{list("Alice", "Bob"), list("Bob", "Alice")}, 2, 0},
		{[]string{list("Alice", "Bob"), list("Bob", "Alicia")}, 2, 1},
		{[]string{list("Alice", "Bob"), list("Bob", "Alicia", "Carol")}, 3, 1},
		{[]string{list("Alice", "Alice"), list("Alice", "Alice", "Alice")}, 3, 0},
	} {
		for _, together := range []bool{false, true} {
			h := newFixture(t, "")
			if together {
				h.send(c.files...)
			} else {
				for _, f := range c.files {
					h.send(f)
				}
			}
			if rows := h.stored("entries", "text"); len(rows) != c.entries || h.quarantined() != c.quarantined {
				t.Errorf("%q, in one import %v: stored are %q, in quarantine %d", c.files, together, rows, h.quarantined())
			}
		}
	}
}
