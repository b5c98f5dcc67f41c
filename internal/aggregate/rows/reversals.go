// Reversals in CAMT, which banks write with one of two directions.

package rows

import (
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/rules"
)

// readReversal negates a reversal with the original direction, so that it is what the account moved by, and notes the
// binding that it depends on.
func (t *Builder) readReversal(e *statement.Entry) error {
	if t.negated = e.Reversal && t.originalReversals; t.negated {
		e.Amount = statement.Negate(e.Amount)
	}
	if !e.Reversal || t.reversalsNoted || !t.stmt.IsCAMT() {
		return nil
	}
	t.reversalsNoted = true
	return t.recordBinding(rules.ReversalsAspect, t.stmt)
}

// otherReading says that a statement that does not balance would balance with its reversals in the other direction; empty if not.
func (l *ledger) otherReading(missing statement.Sum) string {
	if l.reversals.Sign() == 0 || missing.Plus(l.reversals).Plus(l.reversals).Sign() != 0 {
		return ""
	}
	if l.originalReversals {
		return "; with its reversals read by their own direction it would hold: `reversals: original` is declared for the institution"
	}
	return "; with its reversals read by the direction of the entries that they take back it would hold: if the bank writes them so, declare " +
		"`reversals: original` for the institution"
}
