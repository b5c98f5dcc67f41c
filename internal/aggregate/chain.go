// The chain of an account's statements: each opens with what the one before it closed with.

package aggregate

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"bursar/internal/aggregate/statement"
)

// chain walks an account's statements in order of their days. Every step looks at a bounded number of others, so that an
// account of any age is judged in the time of sorting its statements.
type chain struct {
	expects func(day time.Time) bool // nil where no calendar is declared
	stored  stored
	links   []link
	gaps    []Interval
	bridges []Interval // days before which and after which the balance is the same

	closed []*storedStatement          // those with a closing balance, by their last days
	loose  statement.Sum               // entries of statements without balances since the last of them
	spans  map[span][]*storedStatement // those with both balances
	opens  map[span]int                // statements yet to come too, by their days and opening balance
	closes map[span]int                // and by their closing balance
}

// link is a statement and what is held of it.
type link struct {
	*storedStatement
	at       int // its place in the chain
	is       Interval
	repeated bool // another one says the same of the same days
	overlaps bool // others speak of its days too, so that they may list the same entries
}

// span is days and a balance.
type span struct{ from, to, balance string }

// chainOf judges the statements of one account and kind of message: each by itself, and against the one before it. gaps
// are days between them that lack a statement.
func chainOf(statements []*storedStatement, expects func(day time.Time) bool, of stored) (links []link, gaps []Interval) {
	c := &chain{expects: expects, stored: of, spans: map[span][]*storedStatement{}, opens: map[span]int{}, closes: map[span]int{}}
	for _, s := range statements {
		c.opens[span{s.From, s.To, s.Opening}]++
		c.opens[span{s.From, "", s.Opening}]++
		c.closes[span{s.From, s.To, s.Closing}]++
	}
	for _, s := range inOrder(statements) {
		c.link(s)
	}
	c.contradict()
	gaps = c.uncovered()
	remarkSkipped(c.links, gaps)
	return c.links, gaps
}

// link adds one statement, and the gap before it.
func (c *chain) link(s *storedStatement) {
	l := link{storedStatement: s, at: len(c.links), is: s.Interval}
	state, why := s.alone()
	if breach := c.follow(&l); breach.text != "" && state != Broken {
		state, why = Broken, breach
	}
	l.is.State, l.is.Reason, l.is.figures = state, why.text, why.digest
	c.links = append(c.links, l)
	switch {
	case s.early: // what it closes with is not what the day did
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
func (t *storedStatement) alone() (State, finding) {
	switch {
	case t.fault != "" || t.pageFault != "" || t.lacks != "":
		return Broken, finding{both(t.lacks, both(t.fault, t.pageFault)), findingDigest("stated", t.lacks != "", t.page, cmp.Or(t.faultDigest, t.fault), t.pageFault)}
	case t.balanced() && !t.holds():
		return Broken, found("pages", "opening %s and %d entries of %s make %s, the closing balance of its pages is %s", t.Opening, t.Entries, t.Amount, difference(t.Opening, statement.Negate(t.Amount)), t.Closing)
	case t.balanced():
		return t.dated()
	case t.Opening != "" && !t.totals:
		return Claimed, finding{text: "it states no closing balance that its entries lead to"}
	case t.totals:
		return Claimed, finding{text: "its counts and sums hold; it states no opening and closing balance"}
	}
	return Claimed, finding{text: "the bank states no totals"}
}

// farOutside is how many days outside of its statement's an entry is dated at most, as banks book for an earlier day, for the statement
// to be proven.
const farOutside = 7

// dated judges a statement whose balances hold by the days of its entries: which day's movement one outside of its days is, the
// balances do not say.
func (t *storedStatement) dated() (State, finding) {
	var days []string
	state := Proven
	if t.first != "" && t.first < t.From {
		days = append(days, t.first)
		if apart(t.first, t.From) > farOutside {
			state = Claimed
		}
	}
	if t.final > t.To {
		days = append(days, t.final)
		if apart(t.To, t.final) > farOutside {
			state = Claimed
		}
	}
	if len(days) == 0 {
		return Proven, finding{}
	}
	return state, found("dated", "its balances hold, and it has entries that are dated %s, outside of its days from %s to %s", strings.Join(days, " and "), t.From, t.To)
}

// follow holds the statement against those before it.
func (c *chain) follow(l *link) finding {
	b := c.last()
	switch {
	case l.Opening == "":
		return c.closesAfter(l)
	case b == nil:
		return finding{}
	case l.From > b.To:
		return c.consecutive(l)
	case l.From == b.To && l.To > b.To && c.leads(l.storedStatement): // opened on the day that the last one closed
		l.is.From = after(b.To)
		return finding{}
	case !l.balanced():
		return finding{}
	case l.From == b.From && l.To == b.To || l.From == l.To:
		return c.sameDay(l)
	}
	l.overlaps = true
	return c.overlap(l.storedStatement)
}

// last is the last statement with a closing balance, or nil.
func (c *chain) last() *storedStatement {
	if len(c.closed) == 0 {
		return nil
	}
	return c.closed[len(c.closed)-1]
}

// leads reports whether nothing speaks against the statement's following on the last closing balance: entries of statements
// without balances may have come between, and of a statement that does not hold one balance may be the wrong one.
func (c *chain) leads(s *storedStatement) bool {
	b := c.last()
	var with statement.Sum // a Sum is not to be copied: its digits would be shared
	with.Plus(&c.loose)
	with.Add(b.Closing)
	switch {
	case s.Opening == b.Closing, s.Opening == with.String():
		return true
	case slices.ContainsFunc(c.spans[span{b.From, b.To, b.Opening}], func(other *storedStatement) bool { return other.Closing == s.Opening }):
		return true // what the last one says otherwise of its days, it says: they do not both hold
	case s.fault != "" && s.Closing != "" && difference(s.Closing, s.Amount) == b.Closing:
		return true
	case b.fault != "" && b.Opening != "":
		return s.Opening == difference(b.Opening, statement.Negate(b.Amount))
	}
	return false
}

// consecutive compares an opening with the closing before it. What lies between is a gap of its own, if there are days on
// which a statement was to be expected.
func (c *chain) consecutive(l *link) finding {
	if c.leads(l.storedStatement) {
		return finding{}
	}
	b := c.last()
	if after(b.To) == l.From && l.opensBefore() { // what it opens with is of the day that is missing
		l.is.From = after(l.From)
	}
	if c.gap(b, l.is.From, l.Opening) {
		return finding{}
	}
	return differs(b, l.storedStatement)
}

// gap adds the days on which a statement was to be expected between one that closed and what another opens with, if any.
func (c *chain) gap(b *storedStatement, day, opening string) bool {
	from, to := c.days(after(b.To), earlier(day))
	if from == "" {
		return false
	}
	why := found("gap", "no statement: %s closed with %s, %s opens with %s: %s between them", b.To, b.Closing, day, opening, difference(opening, b.Closing))
	c.gaps = append(c.gaps, Interval{From: from, To: to, State: Broken, Reason: why.text, figures: why.digest})
	return true
}

// differs says that a statement does not open with what the one before closed with.
func differs(b, s *storedStatement) finding {
	return found("differs", "it opens with %s, and the statement before closed with %s on %s: %s between them", s.Opening, b.Closing, b.To, difference(s.Opening, b.Closing))
}

// opensBefore reports whether the opening balance may be that of the day before the statement's first.
func (t *storedStatement) opensBefore() bool {
	return t.From < t.To && (t.first == "" || t.first > t.From)
}

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
