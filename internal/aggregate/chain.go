// The chain of an account's statements: each opens with what the one before it closed with.

package aggregate

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// chain walks an account's statements in order of their days.
type chain struct {
	expects   func(day time.Time) bool // nil where no calendar is declared
	intervals []Interval
	before    *told   // the last statement that reaches furthest
	linked    []*told // statements so far
}

// chainOf judges the statements of one account and kind of message: each by itself, and against the one before it.
func chainOf(statements []*told, expects func(day time.Time) bool) []Interval {
	c := &chain{expects: expects}
	for _, s := range inOrder(statements) {
		c.link(s)
	}
	return c.intervals
}

// inOrder sorts statements by their last day. Those of one day are put in the order of their balances: each opens with what
// another closed with, whatever the bank numbers them.
func inOrder(statements []*told) []*told {
	slices.SortStableFunc(statements, func(a, b *told) int {
		return cmp.Or(cmp.Compare(a.To, b.To), cmp.Compare(a.From, b.From), numbers(a.Number, b.Number), numbers(a.page, b.page), cmp.Compare(a.Place, b.Place))
	})
	ordered, closing := make([]*told, 0, len(statements)), ""
	for len(statements) > 0 {
		same := 1
		for same < len(statements) && statements[same].To == statements[0].To {
			same++
		}
		day := slices.Clone(statements[:same])
		statements = statements[same:]
		for len(day) > 0 {
			next := max(0, slices.IndexFunc(day, func(s *told) bool { return s.Opening != "" && closing != "" && equal(s.Opening, closing) }))
			if closing == "" || !equal(day[next].Opening, closing) {
				next = start(day)
			}
			ordered, closing = append(ordered, day[next]), day[next].Closing
			day = slices.Delete(day, next, next+1)
		}
	}
	return ordered
}

// start is the statement that no other of the day leads to, or the first.
func start(day []*told) int {
	return max(0, slices.IndexFunc(day, func(s *told) bool {
		return s.Opening != "" && !slices.ContainsFunc(day, func(other *told) bool { return other != s && other.Closing != "" && equal(other.Closing, s.Opening) })
	}))
}

func equal(a, b string) bool { return a == b || same(a, b) }

// numbers orders running numbers by value, and texts as they are.
func numbers(a, b string) int {
	x, errX := strconv.ParseUint(a, 10, 64)
	y, errY := strconv.ParseUint(b, 10, 64)
	if errX != nil || errY != nil {
		return cmp.Compare(a, b)
	}
	return cmp.Compare(x, y)
}

// link adds one statement, and the gap before it.
func (c *chain) link(s *told) {
	i := s.Interval
	i.State = Proven
	switch {
	case s.fault != "":
		i.State, i.Reason = Broken, s.fault
	case !s.balanced() && s.totals:
		i.State, i.Reason = Claimed, "its counts and sums hold; it states no opening and closing balance"
	case !s.balanced():
		i.State, i.Reason = Claimed, "the bank states no totals"
	}
	if c.before != nil {
		c.follow(s, &i)
	}
	c.intervals = append(c.intervals, i)
	c.linked = append(c.linked, s)
	if c.before == nil || s.To >= c.before.To {
		c.before = s
	}
}

// follow holds the statement against those before it.
func (c *chain) follow(s *told, i *Interval) {
	b := c.before
	if s.From == b.To && s.To > b.To { // opened on the day that the last one closed
		i.From = after(b.To)
	}
	var reason string
	switch {
	case i.From > b.To:
		reason = c.consecutive(s, i)
	case s.To == b.To && s.From == b.From || s.From == s.To:
		reason = c.sameDay(s)
	default:
		reason = c.overlap(s)
	}
	if reason != "" && i.State != Broken {
		i.State, i.Reason = Broken, reason
	}
}

// consecutive compares an opening with the closing before it. What lies between is a gap of its own, if there are days on
// which a statement was to be expected.
func (c *chain) consecutive(s *told, i *Interval) (reason string) {
	b := c.before
	if b.Closing == "" || s.Opening == "" || equal(b.Closing, s.Opening) {
		return ""
	}
	missing := difference(s.Opening, b.Closing)
	reason = fmt.Sprintf("it opens with %s, and the statement before closed with %s on %s: %s between them", s.Opening, b.Closing, b.To, missing)
	from, to := c.days(after(b.To), earlier(i.From))
	if from == "" {
		return reason
	}
	c.intervals = append(c.intervals, Interval{From: from, To: to, State: Broken, Reason: fmt.Sprintf(
		"no statement: %s closed with %s, %s opens with %s: %s between them", b.To, b.Closing, i.From, s.Opening, missing)})
	return ""
}

// days narrows a gap to the days on which a statement is expected; empty when there is none.
func (c *chain) days(from, to string) (first, last string) {
	for day := from; day <= to; day = after(day) {
		if c.expects == nil || c.expects(dayOf(day)) {
			first, last = cmp.Or(first, day), day
		}
	}
	return first, last
}

// sameDay judges one of several statements of a day: it continues another, or says the same again.
func (c *chain) sameDay(s *told) string {
	if !s.balanced() || c.before.Closing != "" && equal(c.before.Closing, s.Opening) {
		return ""
	}
	for _, other := range c.linked {
		if other.From == s.From && other.To == s.To && other.balanced() && equal(other.Opening, s.Opening) {
			if equal(other.Closing, s.Closing) && other.Entries == s.Entries && equal(other.Amount, s.Amount) {
				return ""
			}
			return fmt.Sprintf("%s (%s) says otherwise of the same days: %d entries of %s, closing with %s; here %d of %s, closing with %s",
				other.File, other.Place, other.Entries, other.Amount, other.Closing, s.Entries, s.Amount, s.Closing)
		}
	}
	return c.overlap(s)
}

// overlap judges a statement of days that others speak of too, by what they close with before it and on its last day.
func (c *chain) overlap(s *told) string {
	if !s.balanced() {
		return ""
	}
	var opens, closes *told
	for _, other := range c.linked {
		switch {
		case other.Closing == "":
		case other.To < s.From:
			opens = other
		case other.To == s.To:
			closes = other
		}
	}
	switch {
	case opens != nil && after(opens.To) == s.From && !equal(opens.Closing, s.Opening):
		return fmt.Sprintf("it opens with %s, and %s closed with %s: %s between them", s.Opening, opens.To, opens.Closing, difference(s.Opening, opens.Closing))
	case closes != nil && s.From < s.To && !equal(closes.Closing, s.Closing):
		return fmt.Sprintf("it closes with %s, and another statement of %s with %s", s.Closing, s.To, closes.Closing)
	case closes != nil && s.From == s.To && !equal(closes.Closing, s.Opening) && !equal(closes.Opening, s.Opening):
		return fmt.Sprintf("it opens with %s, and the statement before closed with %s on %s: %s between them", s.Opening, closes.Closing, closes.To,
			difference(s.Opening, closes.Closing))
	}
	return ""
}
