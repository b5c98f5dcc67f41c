// Evaluates, by stored entries, statements that were made before their last day had ended and statements that continue them.

package completeness

import (
	"slices"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// storedMovements is what an account moved by up to each day, by its stored entries. Its zero value knows nothing.
type storedMovements struct {
	days   []string
	sums   []string // of all days so far
	counts []int64  // of entries, likewise

	replaced []replacedEntry
}

func newStoredMovements(movements []movement, replaced []replacedEntry) (s storedMovements) {
	s.replaced = replaced
	var sum statement.Sum
	entries := int64(0)
	for _, m := range movements {
		sum.Add(m.amount)
		entries += m.entries
		s.days, s.sums, s.counts = append(s.days, m.day), append(s.sums, sum.String()), append(s.counts, entries)
	}
	return s
}

// upTo returns the sum and the number of entries of all days up to one, included.
func (s storedMovements) upTo(day string) (sum string, entries int64) {
	n, found := slices.BinarySearchFunc(s.days, day, strings.Compare)
	if found {
		n++
	}
	if n == 0 {
		return "0", 0
	}
	return s.sums[n-1], s.counts[n-1]
}

// matches reports whether the stored entries of a statement's days have the sum and number of those that it lists.
func (s storedMovements) matches(t *storedStatement) bool {
	sum, entries := s.upTo(t.To)
	before, earlierEntries := s.upTo(statement.DayBefore(t.From))
	return entries-earlierEntries == t.Entries && statement.Subtract(sum, before) == statement.NormalAmount(t.Amount)
}

// balanceAfter is the balance that the entries of some days lead to; empty if no entries are known.
func (s storedMovements) balanceAfter(balance, from, to string) string {
	if len(s.days) == 0 {
		return ""
	}
	until, _ := s.upTo(to)
	before, _ := s.upTo(statement.DayBefore(from))
	moved := statement.Subtract(until, before)
	return statement.Subtract(balance, statement.Negate(moved))
}

// isEarly reports whether s was made before its last day had ended: by the stored entries of its days its opening
// balance leads to the closing balance of other, and so does that of other itself. Then both list the same entries.
func (c *chain) isEarly(s, other *storedStatement) bool {
	return c.movements.balanceAfter(s.Opening, s.From, s.To) == other.Closing && c.movements.balanceAfter(other.Opening, other.From, other.To) == other.Closing
}

// markEarly reports whether of two statements that end on the same day one continues the other, and marks the earlier one.
func (c *chain) markEarly(s, other *storedStatement) bool {
	switch {
	case c.isEarly(s, other):
		s.early = true
	case c.isEarly(other, s):
		other.early = true
	default:
		return false
	}
	return true
}
