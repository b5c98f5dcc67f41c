// Normalizes references and page numbers.

package statement

import "strings"

// NormalizeReference trims a reference. It returns "" for the words that banks write when an entry has no reference,
// because equal words do not make equal entries.
func NormalizeReference(reference string) string {
	reference = strings.TrimSpace(reference)
	if strings.EqualFold(reference, "NONREF") || strings.EqualFold(reference, "NOTPROVIDED") {
		return ""
	}
	return reference
}

// IsLaterPage reports whether a page number is 2 or more.
func IsLaterPage(page string) bool {
	page = strings.TrimLeft(page, "0")
	return page != "" && page != "1" && strings.Trim(page, "0123456789") == ""
}
