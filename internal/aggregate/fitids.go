// FITIDs in OFX, which name an entry for ever by the format's definition, and at some banks only within one file.

package aggregate

import (
	"fmt"
	"strings"

	"bursar/internal/aggregate/statement"
	"bursar/internal/project"
)

func isOFX(s *statement.Statement) bool { return strings.HasPrefix(s.Format, "ofx") }

// temporaryFITIDsOf tells whether the FITIDs of a statement are declared to be others in the next file.
func temporaryFITIDsOf(p *project.Project) func(s *statement.Statement) bool {
	return func(s *statement.Statement) bool {
		i := p.InstitutionOf(s.Servicer, s.Account)
		return isOFX(s) && i != nil && i.Temporary
	}
}

// neverTemporary is what projects that name entries as earlier versions did take FITIDs for.
func neverTemporary(*statement.Statement) bool { return false }

// reference is what names an entry beside its day and money. A temporary FITID does not: the entry is told by all that it says.
func (t *rowBuilder) reference(e *statement.Entry) string {
	if t.temporaryFITIDs {
		return ""
	}
	return e.Reference
}

// refuseCorrection refuses an entry that takes the place of another where FITIDs do not last: nobody can find the other one.
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
