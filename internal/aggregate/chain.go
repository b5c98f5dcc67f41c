// The chain of an account's statements: each opens with what the one before it closed with.

package aggregate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"bursar/internal/aggregate/statement"
)

// chain walks an account's statements in order of their days. Every step looks at a bounded number of others, so that an
// account of any age is judged in the time of sorting its statements.
type chain struct {
	expects func(day time.Time) bool // nil where no calendar is declared
	links   []link
	gaps    []Interval

	closed []*told          // those with a closing balance, by their last days
	loose  statement.Sum    // entries of statements without balances since the last of them
	spans  map[span][]*told // those with both balances
}

// link is a statement and what is held of it.
type link struct {
	*told
	at       int // its place in the chain
	is       Interval
	repeated bool // another one says the same of the same days
}

// span is days and what they open with.
type span struct{ from, to, opening string }

// chainOf judges the statements of one account and kind of message: each by itself, and against the one before it. gaps
// are days between them that lack a statement.
func chainOf(statements []*told, expects func(day time.Time) bool) (links []link, gaps []Interval) {
	c := &chain{expects: expects, spans: map[span][]*told{}}
	for _, s := range inOrder(statements) {
		c.link(s)
	}
	return c.links, c.uncovered()
}

// link adds one statement, and the gap before it.
func (c *chain) link(s *told) {
	l := link{told: s, at: len(c.links), is: s.Interval}
	l.is.State, l.is.Reason = s.alone()
	if reason := c.follow(&l); reason != "" && l.is.State != Broken {
		l.is.State, l.is.Reason = Broken, reason
	}
	c.links = append(c.links, l)
	switch {
	case s.Closing != "":
		c.closed = append(c.closed, s)
		c.loose = statement.Sum{}
	case s.Opening == "" && c.last() != nil && s.From > c.last().To:
		c.loose.Add(s.Amount)
	}
	if s.balanced() {
		at := span{s.From, s.To, s.Opening}
		c.spans[at] = append(c.spans[at], s)
	}
}

// alone judges a statement by itself.
func (t *told) alone() (State, string) {
	switch {
	case t.fault != "":
		return Broken, t.fault
	case t.balanced():
		return Proven, ""
	case t.totals:
		return Claimed, "its counts and sums hold; it states no opening and closing balance"
	}
	return Claimed, "the bank states no totals"
}

// follow holds the statement against those before it.
func (c *chain) follow(l *link) (reason string) {
	b := c.last()
	switch {
	case b == nil || l.Opening == "":
		return ""
	case l.From > b.To:
		return c.consecutive(l)
	case l.From == b.To && l.To > b.To && c.leads(l.told): // opened on the day that the last one closed
		l.is.From = after(b.To)
		return ""
	case !l.balanced():
		return ""
	case l.From == b.From && l.To == b.To || l.From == l.To:
		return c.sameDay(l)
	}
	return c.overlap(l.told)
}

// last is the last statement with a closing balance, or nil.
func (c *chain) last() *told {
	if len(c.closed) == 0 {
		return nil
	}
	return c.closed[len(c.closed)-1]
}

// leads reports whether nothing speaks against the statement's following on the last closing balance: entries of statements
// without balances may have come between, and of a statement that does not hold one balance may be the wrong one.
func (c *chain) leads(s *told) bool {
	b := c.last()
	with := c.loose
	with.Add(b.Closing)
	switch {
	case s.Opening == b.Closing, s.Opening == with.String():
		return true
	case s.fault != "" && s.Closing != "" && difference(s.Closing, s.Amount) == b.Closing:
		return true
	case b.fault != "" && b.Opening != "":
		return s.Opening == difference(b.Opening, statement.Negate(b.Amount))
	}
	return false
}

// consecutive compares an opening with the closing before it. What lies between is a gap of its own, if there are days on
// which a statement was to be expected.
func (c *chain) consecutive(l *link) (reason string) {
	if c.leads(l.told) {
		return ""
	}
	b := c.last()
	missing := difference(l.Opening, b.Closing)
	if after(b.To) == l.From && l.opensBefore() { // what it opens with is of the day that is missing
		l.is.From = after(l.From)
	}
	from, to := c.days(after(b.To), earlier(l.is.From))
	if from == "" {
		return fmt.Sprintf("it opens with %s, and the statement before closed with %s on %s: %s between them", l.Opening, b.Closing, b.To, missing)
	}
	c.gaps = append(c.gaps, Interval{From: from, To: to, State: Broken, Reason: fmt.Sprintf(
		"no statement: %s closed with %s, %s opens with %s: %s between them", b.To, b.Closing, l.is.From, l.Opening, missing)})
	return ""
}

// opensBefore reports whether the opening balance may be that of the day before the statement's first.
func (t *told) opensBefore() bool { return t.From < t.To && (t.first == "" || t.first > t.From) }

// days narrows a gap to the days on which a statement is expected; empty when there is none.
func (c *chain) days(from, to string) (first, last string) {
	if c.expects == nil && from <= to {
		return from, to
	}
	for day := from; day <= to; day = after(day) {
		if c.expects(dayOf(day)) {
			first, last = cmp.Or(first, day), day
		}
	}
	return first, last
}

// sameDay judges one of several statements of a day: it continues another, or says the same again.
func (c *chain) sameDay(l *link) string {
	alike := c.spans[span{l.From, l.To, l.Opening}]
	for _, other := range alike {
		if other.Closing == l.Closing && other.Entries == l.Entries && other.said == l.said {
			l.repeated = true
			return ""
		}
	}
	if c.last().Closing == l.Opening {
		return ""
	}
	if len(alike) > 0 && (alike[0].Closing != l.Closing || alike[0].Amount != l.Amount) {
		other := alike[0]
		return fmt.Sprintf("%s (%s) says otherwise of the same days: %d entries of %s, closing with %s; here %d of %s, closing with %s",
			other.File, other.Place, other.Entries, other.Amount, other.Closing, l.Entries, l.Amount, l.Closing)
	}
	return c.overlap(l.told)
}

// overlap judges a statement of days that others speak of too, by what they close with before it and on its last day.
func (c *chain) overlap(s *told) string {
	n, _ := slices.BinarySearchFunc(c.closed, s.From, func(t *told, day string) int { return strings.Compare(t.To, day) })
	var opens, closes *told
	if n > 0 {
		opens = c.closed[n-1]
	}
	if last := c.last(); last.To == s.To {
		closes = last
	}
	between := func(b *told) string {
		return fmt.Sprintf("it opens with %s, and the statement before closed with %s on %s: %s between them", s.Opening, b.Closing, b.To, difference(s.Opening, b.Closing))
	}
	switch {
	case opens != nil && after(opens.To) == s.From && s.From < s.To && opens.Closing != s.Opening:
		return between(opens)
	case closes != nil && s.From < s.To && closes.Closing != s.Closing:
		return fmt.Sprintf("it closes with %s, and another statement of %s with %s", s.Closing, s.To, closes.Closing)
	case closes != nil && s.From == s.To && closes.Closing != s.Opening:
		return between(closes)
	case closes == nil && s.From == c.last().To && (opens == nil || opens.Closing != s.Opening):
		return between(c.last())
	}
	return ""
}

// uncovered are the gaps that no other statement spans.
func (c *chain) uncovered() []Interval {
	spanning := slices.DeleteFunc(slices.Clone(c.links), func(l link) bool { return l.is.State != Proven || l.is.From == l.is.To })
	slices.SortFunc(spanning, func(a, b link) int { return cmp.Compare(a.is.From, b.is.From) })
	furthest := ""
	n := 0
	return slices.DeleteFunc(c.gaps, func(gap Interval) bool { // in order of their days
		for ; n < len(spanning) && spanning[n].is.From <= gap.From; n++ {
			furthest = max(furthest, spanning[n].is.To)
		}
		return furthest >= gap.To
	})
}
