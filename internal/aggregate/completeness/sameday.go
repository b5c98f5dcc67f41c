// Checks several statements of the same days.

package completeness

import (
	"slices"
	"strconv"
)

// checkSameDay judges one of several statements of a day: it continues another, or repeats one.
func (c *chain) checkSameDay(l *link) finding {
	alike := c.spans[span{l.From, l.To, l.Opening}]
	for _, other := range alike {
		if other.Closing == l.Closing && other.Entries == l.Entries && other.content == l.content && (!l.isNumberedApart(other) || !l.hasAdjacentNumber(other)) {
			l.repeated = true
			return finding{}
		}
	}
	l.overlaps = slices.ContainsFunc(alike, func(other *storedStatement) bool { return !l.isNumberedApart(other) && !l.closesAlike(other) })
	if last := c.last(); last.Closing == l.Opening {
		// A day that ends with its opening balance: one of the two may have been made early, unless another one continues
		// this one's closing balance.
		if last.Opening == l.Opening && !c.splitsDay(l.storedStatement) {
			c.markEarly(l.storedStatement, last)
		}
		return finding{}
	}
	if len(alike) > 0 && c.splitsDay(l.storedStatement) {
		return finding{}
	}
	if len(alike) > 0 && c.markEarly(l.storedStatement, alike[0]) {
		return finding{}
	}
	if len(alike) == 0 {
		if other := c.sameClosing(l.storedStatement); other != nil {
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
	return c.checkOverlap(l.storedStatement)
}

// sameClosing finds another statement of the same days with the same closing balance and another opening balance, where
// the stored entries of these days lead from neither opening to it: then neither is the end of the other.
func (c *chain) sameClosing(s *storedStatement) *storedStatement {
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
		if other < 0 || slices.ContainsFunc(links, func(i int) bool { return c.movements.matches(c.links[i].storedStatement) }) {
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
func (t *storedStatement) isNumberedApart(o *storedStatement) bool {
	still := t.Opening == t.Closing || o.Opening == o.Closing
	return still && t.Number != "" && o.Number != "" && (t.Number != o.Number || t.page != o.page) && t.format == o.format
}

// hasAdjacentNumber reports whether the numbers of two statements are consecutive: equal content under another number
// is otherwise the same statement.
func (t *storedStatement) hasAdjacentNumber(o *storedStatement) bool {
	one, err := strconv.Atoi(t.Number)
	other, wrong := strconv.Atoi(o.Number)
	return err == nil && wrong == nil && (one == other+1 || other == one+1)
}

// closesAlike reports whether two statements of the same days with the same opening balance are versions of one: they
// have the same closing balance, and move something or have the same number.
func (t *storedStatement) closesAlike(o *storedStatement) bool {
	return t.Closing == o.Closing && (t.Opening != t.Closing || t.Number != "" && t.Number == o.Number && t.page == o.page)
}

// splitsDay reports whether statements of the same days may be parts of one another: another one opens or closes with
// the closing balance of s.
func (c *chain) splitsDay(s *storedStatement) bool {
	at := span{s.From, s.To, s.Closing}
	if s.Opening == s.Closing {
		return c.openingCount[at] > 1
	}
	return c.openingCount[at] > 0 || c.closingCount[at] > 1
}
