// Checks the chain of an account's statements: each opens with the previous closing balance.

package completeness

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"bursar/internal/aggregate/format/statement"
)

// chain walks an account's statements in order of their days. Every step looks at a bounded number of others, so that
// the time is that of sorting the statements.
type chain struct {
	expects   func(day time.Time) bool // nil if no calendar is declared
	movements storedMovements
	links     []link
	gaps      []Interval
	bridges   []Interval // days between statements over which the balance did not change

	closed        []*Statement          // statements with a closing balance, by their last days
	atEnd         *Statement            // the last of them whose closing balance is not one of a later day
	unbalancedSum statement.Sum         // sum of statements without balances since the last closing balance
	spans         map[span][]*Statement // statements with both balances, by days and opening balance
	openingCount  map[span]int          // number of statements by days and opening balance, including those still to come
	closingCount  map[span]int          // likewise by closing balance
}

// link is a statement in the chain, with its verdict.
type link struct {
	*Statement
	index    int // its position in the chain
	interval Interval
	repeated bool // another statement states the same for the same days
	overlaps bool // others cover its days too, so that they may list the same entries
}

// span is a range of days with a balance.
type span struct{ from, to, balance string }

// chainOf judges the statements of one account and kind of message: each by itself, and against the previous one. gaps
// are days between them that lack a statement.
func chainOf(statements []*Statement, expects func(day time.Time) bool, movements storedMovements) (links []link, gaps []Interval) {
	c := &chain{expects: expects, movements: movements, spans: map[span][]*Statement{}, openingCount: map[span]int{}, closingCount: map[span]int{}}
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

func (c *chain) addLink(s *Statement) {
	l := link{Statement: s, index: len(c.links), interval: s.Interval}
	state, why := s.selfCheck()
	if breach := c.checkContinuity(&l); breach.text != "" && state != Broken {
		state, why = Broken, breach
	}
	l.interval.State, l.interval.Reason, l.interval.figures = state, why.text, why.digest
	c.links = append(c.links, l)
	switch {
	case s.early: // its closing balance is not that of the day's end
	case s.Closing != "":
		c.closed = append(c.closed, s)
		c.unbalancedSum = statement.Sum{}
		if !s.closesLater() {
			c.atEnd = s
		}
	case s.Opening == "" && c.last() != nil && s.From > c.last().To:
		c.unbalancedSum.Add(s.Amount)
	}
	if s.balanced() {
		at := span{s.From, s.To, s.Opening}
		c.spans[at] = append(c.spans[at], s)
	}
}

func (t *Statement) selfCheck() (State, finding) {
	switch {
	case t.fault != "" || t.pageFault != "" || t.missingPages != "":
		return Broken, finding{statement.JoinTexts(t.missingPages, statement.JoinTexts(t.fault, t.pageFault)), findingDigest("stated", t.missingPages != "", t.page, cmp.Or(t.faultDigest, t.fault), t.pageFault)}
	case t.balanced() && !t.addsUp():
		return Broken, newFinding("pages", "opening %s and %d entries of %s make %s, the closing balance of its pages is %s", t.Opening, t.Entries, t.Amount, statement.Subtract(t.Opening, statement.Negate(t.Amount)), t.Closing)
	case t.balanced():
		return t.checkDates()
	case t.Opening != "" && !t.totals:
		return Claimed, finding{text: "it states no closing balance that its entries lead to"}
	case t.totals:
		return Claimed, finding{text: "its counts and sums hold; it states no opening and closing balance"}
	}
	return Claimed, finding{text: "the bank states no totals"}
}

// maxDaysOutside is how many days outside its statement's days an entry may be dated for the statement to be PROVEN. Banks
// sometimes book for an earlier day.
const maxDaysOutside = 7

// checkDates judges a statement that balances by the days of its entries. The balances do not say which day an entry
// outside these days moved.
func (t *Statement) checkDates() (State, finding) {
	var days []string
	state := Proven
	if t.firstEntryDay != "" && t.firstEntryDay < t.From {
		days = append(days, t.firstEntryDay)
		if statement.DaysBetween(t.firstEntryDay, t.From) > maxDaysOutside {
			state = Claimed
		}
	}
	if t.lastEntryDay > t.To {
		days = append(days, t.lastEntryDay)
		if statement.DaysBetween(t.To, t.lastEntryDay) > maxDaysOutside {
			state = Claimed
		}
	}
	if len(days) == 0 {
		return Proven, finding{}
	}
	return state, newFinding("dated", "its balances hold, and it has entries that are dated %s, outside of its days from %s to %s", strings.Join(days, " and "), t.From, t.To)
}

func (c *chain) checkContinuity(l *link) finding {
	b := c.last()
	switch {
	case l.Opening == "":
		return c.checkClosing(l)
	case b == nil:
		return finding{}
	case l.From > b.To:
		return c.checkConsecutive(l)
	case l.From == b.To && l.To > b.To && c.mayFollow(l.Statement): // it opens on the day on which the last one closed
		l.interval.From = statement.DayAfter(b.To)
		return finding{}
	case !l.balanced():
		return finding{}
	case l.From == b.From && l.To == b.To || l.From == l.To:
		return c.checkSameDay(l)
	}
	l.overlaps = true
	return c.checkOverlap(l.Statement)
}

// last is the last statement with a closing balance, or nil.
func (c *chain) last() *Statement {
	if len(c.closed) == 0 {
		return nil
	}
	return c.closed[len(c.closed)-1]
}

// mayFollow reports whether the statement can follow the last closing balance. Entries of statements without balances
// may lie between, and one balance of a statement that does not add up may be the wrong one.
func (c *chain) mayFollow(s *Statement) bool {
	b := c.last()
	with := c.unbalancedSum
	with.Add(b.Closing)
	switch {
	case s.Opening == b.Closing, s.Opening == with.String():
		return true
	case slices.ContainsFunc(c.spans[span{b.From, b.To, b.Opening}], func(other *Statement) bool { return other.Closing == s.Opening }):
		return true // versions of the last statement disagree, and this one follows the other version
	case s.fault != "" && s.Closing != "" && statement.Subtract(s.Closing, s.Amount) == b.Closing:
		return true
	case b.fault != "" && b.Opening != "":
		return s.Opening == statement.Subtract(b.Opening, statement.Negate(b.Amount))
	}
	return false
}

// checkConsecutive compares an opening balance with the previous closing balance. Days between them on which a
// statement is expected are a gap of their own.
func (c *chain) checkConsecutive(l *link) finding {
	if c.mayFollow(l.Statement) {
		return finding{}
	}
	b := c.last()
	opensBefore := l.From < l.To && (l.firstEntryDay == "" || l.firstEntryDay > l.From)
	if statement.DayAfter(b.To) == l.From && opensBefore { // the opening balance is that of the missing day
		l.interval.From = statement.DayAfter(l.From)
	}
	if c.gap(b, l.interval.From, l.Opening) {
		return finding{}
	}
	return openingDiffers(b, l.Statement)
}

// gap adds the days on which a statement was expected between the statement b and an opening balance, if there are any.
func (c *chain) gap(b *Statement, day, opening string) bool {
	from, to := c.expectedDays(statement.DayAfter(c.last().To), statement.DayBefore(day))
	if from == "" {
		return false
	}
	why := newFinding("gap", "no statement: %s closed with %s, %s opens with %s: %s between them", b.To, b.Closing, day, opening, statement.Subtract(opening, b.Closing))
	c.gaps = append(c.gaps, Interval{From: from, To: to, State: Broken, Reason: why.text, figures: why.digest})
	return true
}

// openingDiffers is the finding that a statement does not open with the previous closing balance.
func openingDiffers(b, s *Statement) finding {
	return newFinding("differs", "it opens with %s, and the statement before closed with %s on %s: %s between them", s.Opening, b.Closing, b.To, statement.Subtract(s.Opening, b.Closing))
}

// expectedDays narrows a gap to the days on which a statement is expected; empty if there are none.
func (c *chain) expectedDays(from, to string) (first, last string) {
	if c.expects == nil && from <= to {
		return from, to
	}
	for day := from; day <= to; day = statement.DayAfter(day) {
		if c.expects(statement.ParseDay(day)) {
			first, last = cmp.Or(first, day), day
		}
	}
	return first, last
}

// closesAtDayEnd reports whether the closing balance is that of the end of the statement's last day.
func (t *Statement) closesAtDayEnd() bool {
	return t.Closing != "" && t.fault == "" && t.missingPages == "" && (t.balanced() || t.closingDay == t.To)
}

// closesLater reports whether the closing balance is that of the day on which the statement was made, after its last day. Many banks state no other
// one, whatever days are asked for.
func (t *Statement) closesLater() bool {
	return t.Opening == "" && t.closingDay > t.To && t.fault == "" && t.missingPages == ""
}

// checkClosing compares a closing balance with the previous one and the entries since, if both balances are those of the ends of their days.
func (c *chain) checkClosing(l *link) finding {
	b := c.atEnd
	if b == nil || !b.closesAtDayEnd() || !l.closesAtDayEnd() {
		return finding{}
	}
	until := max(b.To, l.To)
	made, stated := c.balanceAt(b, until), c.balanceAt(l.Statement, until)
	if len(c.movements.upToDays) == 0 {
		made, stated = statement.Subtract(b.Closing, statement.Subtract("0", l.Amount)), l.Closing
		if l.From <= b.To || b != c.last() {
			return finding{}
		}
	}
	if made == stated || c.movements.explainedByReplaced(b, l.Statement) {
		return finding{}
	}
	if statement.DayAfter(c.last().To) < l.From && c.gap(b, l.From, statement.Subtract(l.Closing, l.Amount)) {
		return finding{}
	}
	return newFinding("closes", "the statement before closed with %s on %s, and the entries since of %s make %s; by what it closes with it is %s: %s is missing",
		b.Closing, b.To, statement.Subtract(made, b.Closing), made, stated, statement.Subtract(stated, made))
}

// balanceAt is the balance at the end of a day: the closing balance and the entries stored since the first day of the
// statement, without those that it lists. It may have been made before its last day had ended.
func (c *chain) balanceAt(t *Statement, day string) string {
	return statement.Subtract(c.movements.balanceAfter(t.Closing, t.Reach().From, day), t.Amount)
}
