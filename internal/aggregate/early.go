// Statements that were made before their last day had ended, and others that go on: what an account's stored entries tell of them.

package aggregate

import (
	"slices"
	"strings"

	"bursar/internal/aggregate/statement"
)

// stored is what an account moved by up to each day, by its stored entries. Its zero value knows nothing.
type stored struct {
	days []string
	sums []string // of all days so far

	replaced []replacedEntry
}

func storedOf(movements []movement, replaced []replacedEntry) (s stored) {
	s.replaced = replaced
	var sum statement.Sum
	for _, m := range movements {
		sum.Add(m.amount)
		s.days, s.sums = append(s.days, m.day), append(s.sums, sum.String())
	}
	return s
}

// until is the sum of all days up to one, included.
func (s stored) until(day string) string {
	n, found := slices.BinarySearchFunc(s.days, day, strings.Compare)
	switch {
	case found:
		return s.sums[n]
	case n == 0:
		return "0"
	}
	return s.sums[n-1]
}

// leads is the balance to which one leads by the entries of some days; empty if no entries are known.
func (s stored) leads(balance, from, to string) string {
	if len(s.days) == 0 {
		return ""
	}
	moved := difference(s.until(to), s.until(earlier(from)))
	return difference(balance, statement.Negate(moved))
}

// isEarly tells whether a statement was made before its last day had ended: by the entries that are stored of its days its opening
// balance leads to what another closes with, and that one's own does, too. What both list is the same entries then.
func (c *chain) isEarly(s, other *told) bool {
	return c.stored.leads(s.Opening, s.From, s.To) == other.Closing && c.stored.leads(other.Opening, other.From, other.To) == other.Closing
}

// extends tells whether of two statements that end on one day one goes on where the other stopped.
func (c *chain) extends(s, other *told) bool {
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
