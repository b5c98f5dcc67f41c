// Normalizes account numbers, references and page numbers.

package statement

import (
	"strings"
	"unicode"
)

// AccountNumber normalizes an account number. A valid IBAN is returned in capitals and without blanks; any other
// number is returned as written, without the blanks around it.
func AccountNumber(text string) (number string, iban bool) {
	if compact := WithoutBlanks(text); isIBAN(compact) {
		return strings.ToUpper(compact), true
	}
	return strings.TrimSpace(text), false
}

// WithoutBlanks removes all white space.
func WithoutBlanks(text string) string {
	if strings.IndexFunc(text, unicode.IsSpace) < 0 {
		return text
	}
	return strings.Join(strings.Fields(text), "")
}

// isIBAN checks the form and the check digits of an IBAN (ISO 13616), in either case: with the first four characters
// moved to the end and letters counted from 10, the number modulo 97 is 1.
func isIBAN(text string) bool {
	const shortest, longest = 15, 34
	if len(text) < shortest || len(text) > longest || text[0] < 'A' || text[1] < 'A' || text[2] > '9' || text[3] > '9' {
		return false
	}
	rest := 0
	for i := range len(text) {
		switch c := text[(i+4)%len(text)]; {
		case c >= '0' && c <= '9':
			rest = (rest*10 + int(c-'0')) % 97
		case c >= 'A' && c <= 'Z':
			rest = (rest*100 + int(c-'A') + 10) % 97
		case c >= 'a' && c <= 'z':
			rest = (rest*100 + int(c-'a') + 10) % 97
		default:
			return false
		}
	}
	return rest == 1
}

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
