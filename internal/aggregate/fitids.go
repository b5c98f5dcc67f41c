// FITIDs of OFX identify an entry permanently by the definition of the format, and at some banks only within one file.

package aggregate

import (
	"fmt"

	"bursar/internal/aggregate/statement"
	"bursar/internal/project"
)

// temporaryFITIDsOf reports whether the FITIDs of a statement are declared to change with each file.
func temporaryFITIDsOf(p *project.Project) func(s *statement.Statement) bool {
	return func(s *statement.Statement) bool {
		i := p.InstitutionOf(s.Servicer, s.Account)
		return s.IsOFX() && i != nil && i.TemporaryIDs
	}
}

// neverTemporary is used by projects with former rules.
func neverTemporary(*statement.Statement) bool { return false }

// reference identifies an entry together with day and money. A temporary FITID does not; the entry is identified by its whole content.
func (t *rowBuilder) reference(e *statement.Entry) string {
	if t.temporaryFITIDs {
		return ""
	}
	return e.Reference
}

// refuseCorrection refuses a correcting entry if FITIDs are temporary: the corrected entry cannot be found.
func refuseCorrection(e *statement.Entry) {
	e.Replaced, e.Replaces = false, nil
	if e.Corrects == "" {
		return
	}
	e.Amount += " to correct FITID " + e.Corrects
	e.Refused = &statement.Refusal{Column: "amount", Reason: fmt.Sprintf(
		"CORRECTFITID %s cannot be found: the institution's FITIDs are declared as temporary (fitids: temporary)", e.Corrects)}
	e.Corrects, e.Status = "", ""
}
