// Compares the details of an entry with its amount; they may differ by charges.

package rows

import (
	"fmt"

	"bursar/internal/aggregate/format/statement"
)

// charges sums the charges of an entry's details. Its zero value is empty.
type charges struct {
	stated, strange bool
	all, included   statement.Sum
}

// add adds the charges of a detail or an entry; nil adds nothing.
func (c *charges) add(s *statement.Charges) {
	if s == nil {
		return
	}
	c.stated = true
	if s.Unusable || !c.all.Add(s.All) || !c.included.Add(s.Included) {
		c.strange = true
	}
}

// explain reports whether charges may be the difference between an entry and the sum of its details: those of the
// details, those of the entry, or both; and of these all, only those marked as included, or only the others, because
// banks use the mark in both senses. Charges that cannot be summed may be any amount.
func (c *charges) explain(rest statement.Sum, entry *statement.Charges) bool {
	var own charges
	own.add(entry)
	both := charges{c.stated && own.stated, c.strange || own.strange, c.all.Plus(own.all), c.included.Plus(own.included)}
	return both.strange || c.equal(rest) || own.equal(rest) || both.equal(rest)
}

// equal reports whether the charges come to a sum.
func (c *charges) equal(sum statement.Sum) bool {
	return c.stated && (sum == c.all || sum == c.included || sum == c.all.Minus(c.included))
}

// compareDetails compares the sum of an entry's details with its amount, if every detail has an amount in the entry's
// currency that was moved. They may differ by charges, and the details of a reversal may be those that it reverses.
func (l *ledger) compareDetails(e *statement.Entry) string {
	var amount statement.Sum
	if l.all == 0 || l.lax || len(l.list) > 0 || l.currency != "" && e.Currency != "" && l.currency != e.Currency || !amount.Add(e.Amount) {
		return ""
	}
	details := l.booked.sum
	if amount == details || e.Reversal && amount.Plus(details).Sign() == 0 || l.charges.explain(amount.Minus(details), e.Charges) {
		return ""
	}
	return fmt.Sprintf("the entry is %s, and its %d details sum to %s", e.Amount, l.all, details)
}
