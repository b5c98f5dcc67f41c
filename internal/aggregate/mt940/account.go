// The account of :25:.

package mt940

import "strings"

// accountNumber is the account as the field states it; a valid IBAN loses its spaces. A currency behind the number is the
// bank's way to tell accounts of one number apart, and stays.
func accountNumber(text string) (account string, iban bool) {
	text = strings.TrimSpace(text)
	if compact := strings.ReplaceAll(text, " ", ""); isIBAN(compact) {
		return compact, true
	}
	return text, false
}

// isIBAN checks form and check digits as ISO 13616 has them.
func isIBAN(text string) bool {
	if len(text) < 15 || len(text) > 34 || !letter(text[0]) || !letter(text[1]) || !digit(text[2]) || !digit(text[3]) {
		return false
	}
	remainder := 0
	for _, b := range []byte(text[4:] + text[:4]) {
		switch {
		case digit(b):
			remainder = (remainder*10 + int(b-'0')) % 97
		case letter(b):
			remainder = (remainder*100 + int(b-'A') + 10) % 97
		default:
			return false
		}
	}
	return remainder == 1
}
