// Places that do not count.

package dedupe

import (
	"errors"
	"testing"
	"time"
)

// TestExcluded finds ids to be new whose only entries are at places that do not count.
func TestExcluded(t *testing.T) {
	t.Parallel()
	store := newFolder(t)
	old := []Entry{{1 << 60, 1, 1, must(PlaceOf(1, 1))}, {2 << 60, 2, 1, must(PlaceOf(1, 2))}}
	rebuilt := NewRebuild(t.TempDir(), 1<<20, nil)
	check(t, rebuilt.Add(old, time.Unix(1, 0)))
	sealed, err := rebuilt.Seal(t.Context(), store, "old")
	check(t, errors.Join(err, rebuilt.Close()))
	m, err := Open(t.Context(), store, t.TempDir(), []TableInfo{sealed})
	check(t, err)
	b, err := m.Begin(Window{Excluded: func(p Place) bool { return p.Row() == 1 }}, 1<<20)
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

// TestExcludedInMerges keeps the entry of an id that counts, whatever its place.
func TestExcludedInMerges(t *testing.T) {
	t.Parallel()
	store := newFolder(t)
	var tables []TableInfo
	for i, place := range []Place{must(PlaceOf(2, 1)), must(PlaceOf(1, 5)), must(PlaceOf(1, 2))} {
		one := NewRebuild(t.TempDir(), 1<<20, nil)
		check(t, one.Add([]Entry{{1 << 60, 1, uint64(i), place}}, time.Unix(1, 0)))
		sealed, err := one.Seal(t.Context(), store, string(rune('a'+i)))
		check(t, errors.Join(err, one.Close()))
		tables = append(tables, sealed)
	}
	forgotten := func(p Place) bool { return p.File() == 2 || p.Row() == 5 }
	merged, err := Compact(t.Context(), store, tables, "merged", func(a, b Place) (bool, error) { return forgotten(b) && !forgotten(a), nil })
	check(t, err)
	if merged.Entries != 1 || merged.Replaced != 2 {
		t.Errorf("merged is %+v", merged)
	}
	m, err := Open(t.Context(), store, t.TempDir(), []TableInfo{merged})
	check(t, err)
	b, err := m.Begin(Window{Excluded: forgotten}, 1<<20)
	check(t, err)
	verdicts := make([]Verdict, 1)
	check(t, b.Check([]Entry{{1 << 60, 1, 2, must(PlaceOf(3, 1))}}, verdicts))
	if want := (Verdict{Duplicate, must(PlaceOf(1, 2))}); verdicts[0] != want {
		t.Errorf("verdict is %+v, want %+v", verdicts[0], want)
	}
	check(t, m.Close())
}
