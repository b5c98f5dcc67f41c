// Checks several statements of the same days, and those whose days overlap others, such as a monthly statement beside
// daily ones.

package completeness

import (
	"cmp"
	"slices"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// checkOverlap judges a statement whose days overlap others, by the closing balances before it and on its last day.
func (c *chain) checkOverlap(s *Statement) finding {
	n, _ := slices.BinarySearchFunc(c.closed, s.From, func(t *Statement, day string) int { return strings.Compare(t.To, day) })
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
func (c *chain) continues(s, other *Statement) bool {
	return s.balanced() && s.From <= other.From && other.From <= s.To && s.To <= other.To && c.movements.balanceAfter(s.Opening, s.From, other.To) == other.Closing
}

// checkOpening checks a longer statement against the last one that ended before it began. Others that began on its
// first day were checked against that one already.
func (c *chain) checkOpening(b, s *Statement) finding {
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
func (c *chain) sharesOpening(s *Statement) bool {
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

// checkSameDay judges one of several statements of a day: it continues another, or repeats one.
func (c *chain) checkSameDay(l *link) finding {
	alike := c.spans[span{l.From, l.To, l.Opening}]
	for _, other := range alike {
		if other.Closing == l.Closing && other.Entries == l.Entries && other.content == l.content && (!l.isNumberedApart(other) || !l.hasAdjacentNumber(other)) {
			l.repeated = true
			return finding{}
		}
	}
	l.overlaps = slices.ContainsFunc(alike, func(other *Statement) bool { return !l.isNumberedApart(other) && !l.closesAlike(other) })
	if last := c.last(); last.Closing == l.Opening {
		// A day that ends with its opening balance: one of the two may have been made early, unless another one continues
		// this one's closing balance.
		if last.Opening == l.Opening && !c.splitsDay(l.Statement) {
			c.markEarly(l.Statement, last)
		}
		return finding{}
	}
	if len(alike) > 0 && c.splitsDay(l.Statement) {
		return finding{}
	}
	if len(alike) > 0 && c.markEarly(l.Statement, alike[0]) {
		return finding{}
	}
	if len(alike) == 0 {
		if other := c.sameClosing(l.Statement); other != nil {
			return newFinding("same days", "%s (%s) says otherwise of the same days: it opens with %s, here with %s, and both close with %s",
				other.File, other.Place, other.Opening, l.Opening, l.Closing)
		}
	}
	if len(alike) > 0 && (alike[0].Closing != l.Closing || alike[0].Amount != l.Amount) {
		other := alike[0]
		return newFinding("same days", "%s (%s) says otherwise of the same days: %d entries of %s, closing with %s; here %d of %s, closing with %s",
			other.File, other.Place, other.Entries, other.Amount, other.Closing, l.Entries, l.Amount, l.Closing)
	}
	l.overlaps = true
	return c.checkOverlap(l.Statement)
}

// sameClosing finds another statement of the same days with the same closing balance and another opening balance, where
// the stored entries of these days lead from neither opening to it: then neither is the end of the other.
func (c *chain) sameClosing(s *Statement) *Statement {
	if c.movements.balanceAfter(s.Opening, s.From, s.To) == s.Closing {
		return nil
	}
	for i := len(c.closed) - 1; i >= 0 && c.closed[i].To == s.To; i-- {
		other := c.closed[i]
		if other.balanced() && other.From == s.From && other.Closing == s.Closing && other.Opening != s.Opening &&
			c.movements.balanceAfter(other.Opening, s.From, s.To) != s.Closing {
			return other
		}
	}
	return nil
}

// markContradictions marks statements of the same days without balances as BROKEN if each lists entries that the others
// do not: nothing says which one is right.
func (c *chain) markContradictions() {
	same := map[span][]int{}
	for i, l := range c.links {
		if l.Opening == "" && l.Closing == "" && l.interval.State == Claimed && l.Entries > 0 {
			at := span{from: l.From, to: l.To}
			same[at] = append(same[at], i)
		}
	}
	for _, links := range same {
		first := &c.links[links[0]]
		other := slices.IndexFunc(links, func(i int) bool { return c.links[i].content != first.content })
		if other < 0 || slices.ContainsFunc(links, func(i int) bool { return c.movements.matches(c.links[i].Statement) }) {
			continue
		}
		for _, i := range links {
			l, by := &c.links[i], first
			if l.content == first.content {
				by = &c.links[links[other]]
			}
			why := newFinding("same days", "%s (%s) lists other entries of the same days: %d of %s, here %d of %s: where one is wrong, retract it with `bursar retract statements FILE`",
				by.File, by.Place, by.Entries, by.Amount, l.Entries, l.Amount)
			l.interval.State, l.interval.Reason, l.interval.figures = Broken, why.text, why.digest
		}
	}
}

// isNumberedApart reports whether two statements of the same days with the same opening balance, of which one moves
// nothing, are different ones by their numbers.
func (t *Statement) isNumberedApart(o *Statement) bool {
	still := t.Opening == t.Closing || o.Opening == o.Closing
	return still && t.Number != "" && o.Number != "" && (t.Number != o.Number || t.page != o.page) && t.Format == o.Format
}

// hasAdjacentNumber reports whether the numbers of two statements are consecutive: equal content under another number
// is otherwise the same statement.
func (t *Statement) hasAdjacentNumber(o *Statement) bool {
	n := numbersBetween(t.Number, o.Number)
	return n == 1 || n == -1
}

// closesAlike reports whether two statements of the same days with the same opening balance are versions of one: they
// have the same closing balance, and move something or have the same number.
func (t *Statement) closesAlike(o *Statement) bool {
	return t.Closing == o.Closing && (t.Opening != t.Closing || t.Number != "" && t.Number == o.Number && t.page == o.page)
}

// splitsDay reports whether statements of the same days may be parts of one another: another one opens or closes with
// the closing balance of s.
func (c *chain) splitsDay(s *Statement) bool {
	at := span{s.From, s.To, s.Closing}
	if s.Opening == s.Closing {
		return c.openingCount[at] > 1
	}
	return c.openingCount[at] > 0 || c.closingCount[at] > 1
}
