// Places that do not count.

package memory

import (
	"errors"
	"testing"
	"time"
)

// TestForgotten finds ids to be new whose only entries are at places that do not count.
func TestForgotten(t *testing.T) {
	t.Parallel()
	store := newFolder(t)
	old := []Entry{{1 << 60, 1, 1, must(PlaceOf(1, 1))}, {2 << 60, 2, 1, must(PlaceOf(1, 2))}}
	rebuilt := NewRebuild(t.TempDir(), 1<<20)
	check(t, rebuilt.Add(old, time.Unix(1, 0)))
	run, err := rebuilt.Seal(t.Context(), store, "old")
	check(t, errors.Join(err, rebuilt.Close()))
	m, err := Open(t.Context(), store, t.TempDir(), []RunInfo{run})
	check(t, err)
	b, err := m.Begin(Window{Forgotten: func(p Place) bool { return p.Row() == 1 }}, 1<<20)
	check(t, err)
	again := []Entry{old[0], old[1]}
	again[0].Place, again[1].Place = must(PlaceOf(2, 1)), must(PlaceOf(2, 2))
	verdicts := make([]Verdict, 2)
	check(t, b.Check(again, verdicts))
	if verdicts[0].Kind != New || verdicts[1] != (Verdict{Duplicate, old[1].Place}) {
		t.Errorf("verdicts are %+v", verdicts)
	}
	check(t, m.Close())
}
