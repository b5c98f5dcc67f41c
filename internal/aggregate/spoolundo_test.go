// Tests that rows of a refused file leave a spool.

package aggregate

import (
	"fmt"
	"os"
	"testing"

	"bursar/internal/project"
)

// TestSpoolUndo undoes rows, whether they are still in memory or not.
func TestSpoolUndo(t *testing.T) {
	t.Parallel()
	s, err := newSpool(t.TempDir(), 1, noNames(t))
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string, times int) {
		s.begin()
		for range times {
			if err := s.write(project.EntryStream, row(text+"\n")); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("first", 2)
	s.end("/first")
	for _, times := range []int{1, 100_000, 0} {
		write("refused", times)
		if n := s.rows(project.EntryStream); n != int64(times) {
			t.Errorf("%d rows are %d", times, n)
		}
		if err := s.undo(); err != nil {
			t.Fatal(err)
		}
	}
	write("nothing", 0)
	s.end("/nothing")
	write("last", 1)
	s.end("/last")
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	f := s.files[project.EntryStream]
	text, err := os.ReadFile(f.path)
	if err != nil || string(text) != "first\nfirst\nlast\n" || f.rows != 3 || fmt.Sprint(f.parts) != "[{1 /first} {3 /last}]" {
		t.Errorf("%.60q, %d rows of %v: %v", text, f.rows, f.parts, err)
	}
	if f := s.files[project.DetailStream]; f.rows != 0 || f.parts != nil {
		t.Errorf("details are %+v", f)
	}
}

// noNames is an empty nameSpool.
func noNames(t testing.TB) *nameSpool {
	t.Helper()
	n, err := newNameSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.close() })
	return n
}
