// What databases cannot store of a JSON text.

package warehouse

import "bytes"

// HasEscapedNUL reports whether \u0000 is in a JSON text.
func HasEscapedNUL(text []byte) bool {
	for {
		at := bytes.Index(text, []byte(`\u0000`))
		if at < 0 {
			return false
		}
		backslashes := 0
		for backslashes < at && text[at-1-backslashes] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			return true
		}
		text = text[at+1:]
	}
}
