// Reversals in CAMT, which banks write with one of two directions.

package rows

import (
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/rules"
)

// reversalHandler is a Handler that negates reversals with the original direction, so that the row builder gets what the account moved by.
type reversalHandler struct {
	*Builder
	declared bool // for the current statement
	turned   bool // the current entry is negated
	noted    bool // the current statement has recorded its binding
}

// Handler returns the Handler to pass to a reader.
func (t *Builder) Handler() statement.Handler { return &reversalHandler{Builder: t} }

// Begin starts a statement.
func (r *reversalHandler) Begin(s *statement.Statement) error {
	r.declared, r.noted = r.rules.HasOriginalReversals(s), false
	return r.Builder.Begin(s)
}

// Entry starts an entry.
func (r *reversalHandler) Entry(e *statement.Entry) error {
	if e.Reversal && !r.noted && r.stmt.IsCAMT() {
		r.noted = true
		if err := r.recordBinding(rules.ReversalsAspect, r.stmt); err != nil {
			return err
		}
	}
	if r.turned = r.declared && e.Reversal; r.turned {
		e.Amount = statement.Negate(e.Amount)
	}
	return r.Builder.Entry(e)
}

// Detail adds one of its transactions.
func (r *reversalHandler) Detail(d *statement.Detail) error {
	if r.turned {
		d.Amount = statement.Negate(d.Amount)
	}
	return r.Builder.Detail(d)
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
