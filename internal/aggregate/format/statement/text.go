// Texts for messages: shortened and joined.

package statement

import (
	"strings"
	"unicode/utf8"
)

// Limits of what is kept for messages.
const (
	MaxValueLength = 200  // bytes of a value
	MaxTextLength  = 1000 // bytes of a message
)

// Brief is a text for a message: shortened if it is longer, and a copy, so that the original can be freed.
func Brief(text string, most int) string {
	if len(text) <= most {
		return strings.Clone(text)
	}
	end := most
	for end > most-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// JoinTexts joins two texts, of which either may be empty.
func JoinTexts(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
