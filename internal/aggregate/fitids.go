// FITIDs in OFX, which name an entry for ever by the format's definition, and at some banks only within one file.

package aggregate

import (
	"strings"

	"bursar/internal/aggregate/statement"
	"bursar/internal/project"
)

func isOFX(s *statement.Statement) bool { return strings.HasPrefix(s.Format, "ofx") }

// temporaryOf tells whether the FITIDs of a statement are declared to be others in the next file.
func temporaryOf(p *project.Project) func(s *statement.Statement) bool {
	return func(s *statement.Statement) bool {
		i := p.InstitutionOf(s.Servicer, s.Account)
		return isOFX(s) && i != nil && i.Temporary
	}
}

// noneIs is what projects that name entries as earlier versions did take FITIDs for.
func noneIs(*statement.Statement) bool { return false }

// reference is what names an entry beside its day and money. A temporary FITID does not: the entry is told by all that it says.
func (t *teller) reference(e *statement.Entry) string {
	if t.temporary {
		return ""
	}
	return e.Reference
}
