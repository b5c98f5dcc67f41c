// Notes the bindings that the statements of a file depend on.

package rows

import (
	"strings"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/identity"
	"bursar/internal/aggregate/rules"
)

// maxNumberLength is the maximum length of an account's source, number and currency; longer ones are not bound.
const maxNumberLength = 100

// recordBindings notes the bindings that a statement depends on. With former rules account numbers are not bound.
func (t *Builder) recordBindings(s *statement.Statement) {
	if !s.IBAN && !t.rules.Former {
		t.recordBinding(rules.AccountAspect, s)
	}
	switch {
	case s.IsOFX():
		t.recordBinding(rules.FITIDsAspect, s)
	case t.rules.CSVInstitution(s.Format) != nil:
		t.recordBinding(rules.ReferencesAspect, s)
		t.recordBinding(rules.MappingAspect, s)
	}
}

func (t *Builder) recordBinding(what rules.Aspect, s *statement.Statement) {
	g := t.rules.Bind(what, s, t.name)
	if len(g.Source)+len(g.Number)+len(g.Currency) > maxNumberLength {
		return
	}
	subject := g.Subject()
	if t.fileBindings[subject] {
		return
	}
	_, known := t.importBindings[subject]
	size := valueOverhead / 2 // approximate memory of its subject, and of the binding itself
	if !known {
		size += 4 * valueOverhead
	}
	if t.budget.Bindings -= size; t.budget.Bindings < 0 {
		t.fail(statement.Refuse(s.Place, "the files of the import have too many accounts without an IBAN").Advise(
			"import fewer files at a time, or divide this one"))
		return
	}
	if t.fileBindings == nil {
		t.fileBindings = map[identity.Digest]bool{}
	}
	t.fileBindings[subject] = true
	if !known {
		g.Source, g.Number, g.Currency = strings.Clone(g.Source), strings.Clone(g.Number), strings.Clone(g.Currency) // substrings would keep a longer text in memory
		g.Value, g.Servicer = strings.Clone(g.Value), strings.Clone(g.Servicer)
		t.importBindings[subject] = g
	}
}

// readReversal negates a reversal with the original direction, so that it is what the account moved by, and notes the
// binding that it depends on.
func (t *Builder) readReversal(e *statement.Entry) {
	if t.negated = e.Reversal && t.originalReversals; t.negated {
		e.Amount = statement.Negate(e.Amount)
	}
	if e.Reversal && !t.reversalsNoted && t.stmt.IsCAMT() {
		t.reversalsNoted = true
		t.recordBinding(rules.ReversalsAspect, t.stmt)
	}
}
