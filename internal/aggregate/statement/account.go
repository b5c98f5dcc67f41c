// Account numbers.

package statement

import "strings"

// AccountNumber is an account's number as statements name it: a valid IBAN without the blanks that people group it with, any
// other number as it is written.
func AccountNumber(text string) (number string, iban bool) {
	if compact := strings.Join(strings.Fields(text), ""); isIBAN(compact) {
		return compact, true
	}
	return text, false
}

// isIBAN checks form and check digits as ISO 13616 has them: with the first four characters put last and letters counted
// from 10, the rest of dividing by 97 is 1.
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
		default:
			return false
		}
	}
	return rest == 1
}
