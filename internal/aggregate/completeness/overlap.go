// Checks statements whose days overlap others, such as a monthly statement beside daily ones.

package completeness

import (
	"cmp"
	"slices"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// checkOverlap judges a statement whose days overlap others, by the closing balances before it and on its last day.
func (c *chain) checkOverlap(s *storedStatement) finding {
	n, _ := slices.BinarySearchFunc(c.closed, s.From, func(t *storedStatement, day string) int { return strings.Compare(t.To, day) })
	if n > 0 {
		if why := c.checkOpening(c.closed[n-1], s); why.text != "" {
			return why
		}
	}
	last := c.last()
	switch {
	case c.continues(last, s): // it begins within a day of the last one
		last.early = last.early || last.To == s.To && last.Closing != s.Closing
	case c.continues(s, last):
		s.early = s.early || s.To == last.To && s.Closing != last.Closing
	case last.To == s.To && last.Closing != s.Closing && c.markEarly(s, last):
	case last.To == s.To && s.From < s.To && last.Closing != s.Closing:
		return newFinding("same end", "it closes with %s, and another statement of %s with %s", s.Closing, s.To, last.Closing)
	case last.To == s.To && s.From == s.To && last.Closing != s.Opening:
		return openingDiffers(last, s)
	case last.To == s.From && last.From < s.From && last.balanced() && c.movements.balanceAfter(last.Opening, last.From, statement.DayBefore(s.From)) == s.Opening:
	case last.To != s.To && last.To == s.From && !c.sharesOpening(s) && (n == 0 || c.closed[n-1].Closing != s.Opening):
		return openingDiffers(last, s)
	}
	return finding{}
}

// continues reports whether other continues s: the stored entries of the days of both lead from the opening balance of
// s to the closing balance of other.
func (c *chain) continues(s, other *storedStatement) bool {
	return s.balanced() && s.From <= other.From && other.From <= s.To && s.To <= other.To && c.movements.balanceAfter(s.Opening, s.From, other.To) == other.Closing
}

// checkOpening checks a longer statement against the last one that ended before it began. Others that began on its
// first day were checked against that one already.
func (c *chain) checkOpening(b, s *storedStatement) finding {
	adjacent := statement.DayAfter(b.To) == s.From
	switch {
	case s.From == s.To:
	case b.Closing == s.Opening && !adjacent:
		c.bridges = append(c.bridges, Interval{From: statement.DayAfter(b.To), To: statement.DayBefore(s.From)})
	case b.Closing == s.Opening, c.sharesOpening(s):
	case !c.gap(b, s.From, s.Opening) && adjacent:
		return openingDiffers(b, s)
	}
	return finding{}
}

// sharesOpening reports whether another statement begins on the same day with the same balance.
func (c *chain) sharesOpening(s *storedStatement) bool {
	return c.openingCount[span{s.From, "", s.Opening}] > 1
}

// uncoveredGaps are the gaps without the days that a longer statement with balances covers, which is judged by itself,
// and without days over which the balance did not change.
func (c *chain) uncoveredGaps() (gaps []Interval) {
	entries := c.coveredSpans()
	around := func(day string) *Interval {
		n, found := slices.BinarySearchFunc(entries, day, func(i Interval, day string) int { return strings.Compare(i.From, day) })
		if !found {
			n--
		}
		if n < 0 || entries[n].To < day {
			return nil
		}
		return &entries[n]
	}
	for _, gap := range c.gaps {
		from, to := gap.From, gap.To
		if i := around(from); i != nil {
			from = statement.DayAfter(i.To)
		}
		if i := around(to); i != nil {
			to = statement.DayBefore(i.From)
		}
		gap.From, gap.To = c.expectedDays(from, to)
		if gap.From != "" && !slices.ContainsFunc(gaps[max(0, len(gaps)-1):], func(g Interval) bool { return g.From == gap.From }) {
			gaps = append(gaps, gap)
		}
	}
	return gaps
}

// coveredSpans are the days of longer statements and of bridges, joined.
func (c *chain) coveredSpans() (joined []Interval) {
	all := slices.Clone(c.bridges)
	for _, l := range c.links {
		if l.balanced() && l.interval.From < l.interval.To {
			all = append(all, l.interval)
		}
	}
	slices.SortFunc(all, func(a, b Interval) int { return cmp.Compare(a.From, b.From) })
	for _, i := range all {
		if n := len(joined) - 1; n >= 0 && i.From <= statement.DayAfter(joined[n].To) {
			joined[n].To = max(joined[n].To, i.To)
			continue
		}
		joined = append(joined, i)
	}
	return joined
}
