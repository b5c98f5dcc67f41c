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
	stored  storedMovements
	links   []link
	gaps    []Interval
	bridges []Interval // days before which and after which the balance is the same

	closed        []*storedStatement          // those with a closing balance, by their last days
	unbalancedSum statement.Sum               // entries of statements without balances since the last of them
	spans         map[span][]*storedStatement // those with both balances
	openingCount  map[span]int                // statements yet to come too, by their days and opening balance
	closingCount  map[span]int                // and by their closing balance
}

// link is a statement and what is held of it.
type link struct {
	*storedStatement
	index    int // its place in the chain
	interval Interval
	repeated bool // another one says the same of the same days
	overlaps bool // others speak of its days too, so that they may list the same entries
}

// span is days and a balance.
type span struct{ from, to, balance string }

// chainOf judges the statements of one account and kind of message: each by itself, and against the one before it. gaps
// are days between them that lack a statement.
func chainOf(statements []*storedStatement, expects func(day time.Time) bool, of storedMovements) (links []link, gaps []Interval) {
	c := &chain{expects: expects, stored: of, spans: map[span][]*storedStatement{}, openingCount: map[span]int{}, closingCount: map[span]int{}}
	for _, s := range statements {
		c.openingCount[span{s.From, s.To, s.Opening}]++
		c.openingCount[span{s.From, "", s.Opening}]++
		c.closingCount[span{s.From, s.To, s.Closing}]++
	}
	for _, s := range inOrder(statements) {
		c.addLink(s)
	}
	c.markContradictions()
	gaps = c.uncoveredGaps()
	noteSkippedNumbers(c.links, gaps)
	return c.links, gaps
}

// addLink adds one statement, and the gap before it.
func (c *chain) addLink(s *storedStatement) {
	l := link{storedStatement: s, index: len(c.links), interval: s.Interval}
	state, why := s.selfCheck()
	if breach := c.checkContinuity(&l); breach.text != "" && state != Broken {
		state, why = Broken, breach
	}
	l.interval.State, l.interval.Reason, l.interval.figures = state, why.text, why.digest
	c.links = append(c.links, l)
	switch {
	case s.early: // what it closes with is not what the day did
	case s.Closing != "":
		c.closed = append(c.closed, s)
		c.unbalancedSum = statement.Sum{}
	case s.Opening == "" && c.last() != nil && s.From > c.last().To:
		c.unbalancedSum.Add(s.Amount)
	}
	if s.balanced() {
		at := span{s.From, s.To, s.Opening}
		c.spans[at] = append(c.spans[at], s)
	}
}

// selfCheck judges a statement by itself.
func (t *storedStatement) selfCheck() (State, finding) {
	switch {
	case t.fault != "" || t.pageFault != "" || t.missingPages != "":
		return Broken, finding{joinTexts(t.missingPages, joinTexts(t.fault, t.pageFault)), findingDigest("stated", t.missingPages != "", t.page, cmp.Or(t.faultDigest, t.fault), t.pageFault)}
	case t.balanced() && !t.addsUp():
		return Broken, newFinding("pages", "opening %s and %d entries of %s make %s, the closing balance of its pages is %s", t.Opening, t.Entries, t.Amount, difference(t.Opening, statement.Negate(t.Amount)), t.Closing)
	case t.balanced():
		return t.checkDates()
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

// checkDates judges a statement whose balances hold by the days of its entries: which day's movement one outside of its days is, the
// balances do not say.
func (t *storedStatement) checkDates() (State, finding) {
	var days []string
	state := Proven
	if t.firstEntryDay != "" && t.firstEntryDay < t.From {
		days = append(days, t.firstEntryDay)
		if apart(t.firstEntryDay, t.From) > farOutside {
			state = Claimed
		}
	}
	if t.lastEntryDay > t.To {
		days = append(days, t.lastEntryDay)
		if apart(t.To, t.lastEntryDay) > farOutside {
			state = Claimed
		}
	}
	if len(days) == 0 {
		return Proven, finding{}
	}
	return state, newFinding("dated", "its balances hold, and it has entries that are dated %s, outside of its days from %s to %s", strings.Join(days, " and "), t.From, t.To)
}

// checkContinuity holds the statement against those before it.
func (c *chain) checkContinuity(l *link) finding {
	b := c.last()
	switch {
	case l.Opening == "":
		return c.checkClosing(l)
	case b == nil:
		return finding{}
	case l.From > b.To:
		return c.checkConsecutive(l)
	case l.From == b.To && l.To > b.To && c.mayFollow(l.storedStatement): // opened on the day that the last one closed
		l.interval.From = after(b.To)
		return finding{}
	case !l.balanced():
		return finding{}
	case l.From == b.From && l.To == b.To || l.From == l.To:
		return c.checkSameDay(l)
	}
	l.overlaps = true
	return c.checkOverlap(l.storedStatement)
}

// last is the last statement with a closing balance, or nil.
func (c *chain) last() *storedStatement {
	if len(c.closed) == 0 {
		return nil
	}
	return c.closed[len(c.closed)-1]
}

// mayFollow reports whether nothing speaks against the statement's following on the last closing balance: entries of statements
// without balances may have come between, and of a statement that does not hold one balance may be the wrong one.
func (c *chain) mayFollow(s *storedStatement) bool {
	b := c.last()
	var with statement.Sum // a Sum is not to be copied: its digits would be shared
	with.Plus(&c.unbalancedSum)
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

// checkConsecutive compares an opening with the closing before it. What lies between is a gap of its own, if there are days on
// which a statement was to be expected.
func (c *chain) checkConsecutive(l *link) finding {
	if c.mayFollow(l.storedStatement) {
		return finding{}
	}
	b := c.last()
	if after(b.To) == l.From && l.mayOpenDayBefore() { // what it opens with is of the day that is missing
		l.interval.From = after(l.From)
	}
	if c.gap(b, l.interval.From, l.Opening) {
		return finding{}
	}
	return openingDiffers(b, l.storedStatement)
}

// gap adds the days on which a statement was to be expected between one that closed and what another opens with, if any.
func (c *chain) gap(b *storedStatement, day, opening string) bool {
	from, to := c.expectedDays(after(b.To), earlier(day))
	if from == "" {
		return false
	}
	why := newFinding("gap", "no statement: %s closed with %s, %s opens with %s: %s between them", b.To, b.Closing, day, opening, difference(opening, b.Closing))
	c.gaps = append(c.gaps, Interval{From: from, To: to, State: Broken, Reason: why.text, figures: why.digest})
	return true
}

// openingDiffers says that a statement does not open with what the one before closed with.
func openingDiffers(b, s *storedStatement) finding {
	return newFinding("differs", "it opens with %s, and the statement before closed with %s on %s: %s between them", s.Opening, b.Closing, b.To, difference(s.Opening, b.Closing))
}

// mayOpenDayBefore reports whether the opening balance may be that of the day before the statement's first.
func (t *storedStatement) mayOpenDayBefore() bool {
	return t.From < t.To && (t.firstEntryDay == "" || t.firstEntryDay > t.From)
}

// expectedDays narrows a gap to the days on which a statement is expected; empty when there is none.
func (c *chain) expectedDays(from, to string) (first, last string) {
	if c.expects == nil && from <= to {
		return from, to
	}
	for day := from; day <= to; day = after(day) {
		if c.expects(parseDay(day)) {
			first, last = cmp.Or(first, day), day
		}
	}
	return first, last
}
