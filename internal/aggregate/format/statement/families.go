// The families of formats that differ in what a statement means.

package statement

import "strings"

// CSVFormat begins the format of CSV statements; the name of their institution follows.
const CSVFormat = "csv "

// CSVInstitution is the institution whose CSV files have a format; empty for other formats.
func CSVInstitution(format string) string {
	name, csv := strings.CutPrefix(format, CSVFormat)
	if !csv {
		return ""
	}
	return name
}

// IsCAMT reports whether a statement's format leaves the direction of reversals open. By its definition an entry has
// the direction of its effect on the account; some banks write the direction of the entry that is reversed.
func (s *Statement) IsCAMT() bool { return strings.HasPrefix(s.Format, "camt") }

// IsMT reports whether a statement's format cuts long references.
func (s *Statement) IsMT() bool { return strings.HasPrefix(s.Format, "mt") }

// IsOFX reports whether a statement's format has FITIDs.
func (s *Statement) IsOFX() bool { return strings.HasPrefix(s.Format, "ofx") }
