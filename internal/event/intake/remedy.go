// Suggests how a stream's declaration may grow so that rejected rows are accepted.

package intake

import (
	"fmt"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/event/scan"
	"bursar/internal/project"
)

// Remedy says how the declaration may grow so that a retry accepts a rejected row. It is empty if growth does not help: how values are read and how
// rows are identified never changes.
func Remedy(r *event.Rejected, s *project.Stream) string {
	c := s.Column(r.Column)
	if c == nil || r.Object != "" || r.Conflict() {
		return ""
	}
	at := fmt.Sprintf("%s (%s:%d)", c.Name, s.File, c.Line)
	switch {
	case strings.HasSuffix(r.Reason, scan.NotDeclared):
		return "add the value to `in` of " + at
	case strings.HasPrefix(r.Reason, scan.Required) && !slices.Contains(s.ID, c.Name) && s.Time != c.Name:
		return "declare `optional: true` for " + at
	case strings.HasSuffix(r.Reason, scan.TooPrecise), strings.HasSuffix(r.Reason, scan.Overflows):
		if c.Type.Kind == column.Int || c.Type.Kind == column.BigInt || c.Type.Kind == column.Decimal && c.Type.Precision < 38 {
			return "declare a wider type for " + at
		}
	}
	return ""
}
