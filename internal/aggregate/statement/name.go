// References and page numbers, as banks write them.

package statement

import "strings"

// Named is a reference without blanks around it; empty where it is a word for having none, as equal entries are not the same for
// that.
func Named(reference string) string {
	reference = strings.TrimSpace(reference)
	if strings.EqualFold(reference, "NONREF") || strings.EqualFold(reference, "NOTPROVIDED") {
		return ""
	}
	return reference
}

// IsLater tells the number of a second or later page.
func IsLater(page string) bool {
	page = strings.TrimLeft(page, "0")
	return page != "" && page != "1" && strings.Trim(page, "0123456789") == ""
}
