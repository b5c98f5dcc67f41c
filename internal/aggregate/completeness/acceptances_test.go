// Tests that names of intervals do not depend on wording.

package completeness

import (
	"slices"
	"testing"
)

// TestNamesInOtherWords shows that names depend on figures, not on wording.
func TestNamesInOtherWords(t *testing.T) {
	t.Parallel()
	named := func(why finding) string {
		a := Account{Account: "A1", States: map[State]int{}, Intervals: []Interval{{From: "2024-03-04", To: "2024-03-04", State: Broken, Reason: why.text, figures: why.digest}}}
		acceptances{map[string]*Acceptance{}, map[string]bool{}}.nameIntervals(&a)
		return a.Intervals[0].Name
	}
	names := []string{named(newFinding("gap", "%s, not %s", "1.00", "2.00")), named(newFinding("gap", "%s, not %s", "1.00", "3.00")), named(newFinding("differs", "%s, not %s", "1.00", "2.00"))}
	if again := named(newFinding("gap", "it is %s instead of %s", "1.00", "2.00")); again != names[0] {
		t.Errorf("in other words it is %s, was %s", again, names[0])
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != 3 {
		t.Errorf("other figures or kinds have one name: %q", names)
	}
}
