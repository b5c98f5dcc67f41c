// Checks statements that state only a closing balance: each closing balance leads to the next.

package completeness

import (
	"bursar/internal/aggregate/format/statement"
)

// closesAtDayEnd reports whether the closing balance is that of the end of the statement's last day.
func (t *storedStatement) closesAtDayEnd() bool {
	return t.Closing != "" && t.fault == "" && t.missingPages == "" && (t.balanced() || t.closingDay == t.To)
}

// checkClosing compares a closing balance with the previous one and the entries since, if both balances are those of the ends of their days.
func (c *chain) checkClosing(l *link) finding {
	b := c.last()
	if b == nil || !b.closesAtDayEnd() || !l.closesAtDayEnd() {
		return finding{}
	}
	until := max(b.To, l.To)
	made, stated := c.balanceAt(b, until), c.balanceAt(l.storedStatement, until)
	if len(c.movements.days) == 0 {
		made, stated = statement.Subtract(b.Closing, statement.Subtract("0", l.Amount)), l.Closing
		if l.From <= b.To {
			return finding{}
		}
	}
	if made == stated || c.movements.explainedByReplaced(b, l.storedStatement) {
		return finding{}
	}
	if statement.DayAfter(b.To) < l.From && c.gap(b, l.From, statement.Subtract(l.Closing, l.Amount)) {
		return finding{}
	}
	return newFinding("closes", "the statement before closed with %s on %s, and the entries since of %s make %s; by what it closes with it is %s: %s is missing",
		b.Closing, b.To, statement.Subtract(made, b.Closing), made, stated, statement.Subtract(stated, made))
}

// balanceAt is the balance at the end of a day: the closing balance and the entries stored since the first day of the
// statement, without those that it lists. It may have been made before its last day had ended.
func (c *chain) balanceAt(t *storedStatement, day string) string {
	from := t.From
	if t.firstEntryDay != "" {
		from = min(from, t.firstEntryDay)
	}
	return statement.Subtract(c.movements.balanceAfter(t.Closing, from, day), t.Amount)
}
