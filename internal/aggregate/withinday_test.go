// Tests lists that begin or end within a day, and versions with the same movement: the stored entries of their days decide.

package aggregate

import (
	"strings"
	"testing"

	"bursar/internal/aggregate/completeness"
)

// TestListsWithinDays has CSV files with balances that begin or end within a day, because banks export the last n transactions.
func TestListsWithinDays(t *testing.T) {
	t.Parallel()
	rows := strings.Fields("2024-03-04,-10,A,90 2024-03-04,-11,B,79 2024-03-04,20,C,99 2024-03-05,50,D,149 2024-03-05,-33,E,116 2024-03-05,7,F,123 2024-03-06,-2,G,121")
	for _, c := range []struct {
		name  string
		parts [][2]int // from and to a row
	}{
		{"all, and from within the first day", [][2]int{{0, 7}, {2, 7}}},
		{"all, and a middle", [][2]int{{0, 7}, {1, 5}}},
		{"up to within a day, and from before that", [][2]int{{0, 5}, {4, 7}}},
		{"up to within a day, and a middle", [][2]int{{0, 5}, {1, 6}}},
	} {
		for order := range permutations(2) {
			h := newFixture(t, "")
			h.declare(ownCSV + "    text: Text\n    balance: Balance\n")
			for _, n := range order {
				h.send("Day,Amount,Text,Balance\n" + strings.Join(rows[c.parts[n][0]:c.parts[n][1]], "\n") + "\n")
			}
			if a := h.judged("")[0]; a.States[completeness.Broken] > 0 || len(a.Intervals) != 2 {
				t.Errorf("%s %v: %+v", c.name, order, a.Intervals)
			}
		}
	}
}

// TestVersionsWithEqualMovement has statements whose entries sum up to zero: a corrected version is reported, and so
// are equal entries of another statement that are taken for those of the first.
func TestVersionsWithEqualMovement(t *testing.T) {
	t.Parallel()
	pair := func(number string, opening int64, references string, amounts ...int64) sheet {
		s := sheetOf(number, 5, opening, items(5, amounts...)...)
		for i := range s.entries {
			if references != "" {
				s.entries[i].reference = references[i : i+1]
			}
		}
		return s
	}
	days := sheetOf("900", 5, -7, append(items(4, 7), items(5, 10, -10)...)...)
	days.from, days.opened = day(4), day(4)
	for _, c := range []struct {
		name  string
		files []sheet
		want  bool // BROKEN
	}{
		{"a longer statement lists the pair the other way round", []sheet{days, pair("2", 0, "", -10, 10)}, true},
		{"a corrected pair", []sheet{pair("1", 0, "ABC", 5, 7, -7), renamed(pair("1", 0, "ABC", 5, 8, -8), "Is")}, true},
		{"a corrected pair, no references", []sheet{pair("1", 0, "", 5, 7, -7), renamed(pair("1", 0, "", 5, 8, -8), "Is")}, true},
		{"one has the pair", []sheet{pair("1", 0, "A", 5), renamed(pair("1", 0, "ABC", 5, 7, -7), "More")}, false},
		{"sent again by another name", []sheet{pair("1", 0, "ABC", 5, 7, -7), renamed(pair("1", 0, "ABC", 5, 7, -7), "Again")}, false},
		{"equal pairs of two statements", []sheet{pair("1", 0, "", 10, -10), renamed(pair("2", 0, "", 5), "Two"), renamed(pair("3", 5, "", 10, -10), "Three")}, false},
		{"equal pairs of two statements beside each other", []sheet{pair("1", 0, "", 10, -10), renamed(pair("2", 0, "", 10, -10), "Two")}, false},
		{"other pairs of two statements", []sheet{pair("1", 0, "", 10, -10), renamed(pair("2", 0, "", 3, -3), "Two")}, false},
	} {
		for order := range permutations(len(c.files)) {
			h := newFixture(t, "")
			for _, n := range order {
				h.send(camtOf(c.files[n]))
			}
			a := h.judged("")[0]
			swallowed := strings.HasPrefix(c.name, "equal pairs")
			if broken := a.States[completeness.Broken] > 0; !swallowed && broken != c.want || swallowed && !broken && int64(len(h.movements())) != sumOf(a.Intervals) {
				t.Errorf("%s %v: %d entries count, %+v", c.name, order, len(h.movements()), a.Intervals)
			}
		}
	}
}

func sumOf(intervals []completeness.Interval) (entries int64) {
	for _, i := range intervals {
		entries += i.Entries
	}
	return entries
}
