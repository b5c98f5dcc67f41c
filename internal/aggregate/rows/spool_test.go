// Tests that rows of a refused file leave a spool.

package rows

import (
	"fmt"
	"os"
	"testing"

	"bursar/internal/project"
)

// TestSpoolUndo undoes rows, whether they are still in memory or not.
func TestSpoolUndo(t *testing.T) {
	t.Parallel()
	s, err := NewSpool(t.TempDir(), 1, noNames(t))
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string, times int) {
		s.Begin()
		for range times {
			if err := s.Write(project.EntryStream, Row(text+"\n")); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("first", 2)
	s.End("/first")
	for _, times := range []int{1, 100_000, 0} {
		write("refused", times)
		if n := s.Rows(project.EntryStream); n != int64(times) {
			t.Errorf("%d rows are %d", times, n)
		}
		if err := s.Undo(); err != nil {
			t.Fatal(err)
		}
	}
	write("nothing", 0)
	s.End("/nothing")
	write("last", 1)
	s.End("/last")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	f := s.Files[project.EntryStream]
	text, err := os.ReadFile(f.Path)
	if err != nil || string(text) != "first\nfirst\nlast\n" || f.Rows != 3 || fmt.Sprint(f.Parts) != "[{1 /first} {3 /last}]" {
		t.Errorf("%.60q, %d rows of %v: %v", text, f.Rows, f.Parts, err)
	}
	if f := s.Files[project.DetailStream]; f.Rows != 0 || f.Parts != nil {
		t.Errorf("details are %+v", f)
	}
}

// noNames is an empty NameSpool.
func noNames(t testing.TB) *NameSpool {
	t.Helper()
	n, err := NewNameSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}
