// Suggests how a stream's declaration may grow so that rejected rows are accepted.

package intake

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/event/scan"
	"bursar/internal/project"
)

// maxPrecision is the most digits of a decimal.
const maxPrecision = 38

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
		if wide := widerType(c.Type, r.Reason); wide != "" {
			return fmt.Sprintf("declare %s for %s, follow `bursar check` (computed columns, a rebuild)", wide, at)
		}
	}
	return ""
}

// plainNumber is the value that a reason quotes: digits before and after the decimal mark.
var plainNumber = regexp.MustCompile(`^"[+-]?0*(\d*)(?:[.,](\d*?)0*)?" does not fit `)

// widerType names the narrowest type to which a numeric column may grow to have the value of a reason. It is empty if there is none.
func widerType(t column.Type, reason string) string {
	digits, scale := t.Precision-t.Scale, t.Scale
	switch t.Kind {
	case column.Int:
		digits, scale = 10, 0
	case column.BigInt:
		digits, scale = 19, 0
	case column.Decimal:
	default:
		return ""
	}
	m := plainNumber.FindStringSubmatch(reason)
	switch {
	case m == nil && digits+scale >= maxPrecision:
		return ""
	case m == nil: // written with marks between groups, or with an exponent
		return "a wider type"
	}
	digits, scale = max(digits, len(m[1])), max(scale, len(m[2]))
	more := "digits"
	switch {
	case digits+scale > maxPrecision:
		return ""
	case t.Kind == column.Int && scale == 0 && len(m[1]) < 19:
		return "bigint, which has more digits,"
	case strings.HasSuffix(reason, scan.TooPrecise):
		more = "decimals"
	}
	return fmt.Sprintf("decimal(%d,%d), which has more %s,", digits+scale, scale, more)
}
