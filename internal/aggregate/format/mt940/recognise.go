// Recognises MT940 and MT942 files by their first bytes.

package mt940

import (
	"bytes"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// maxPreamble is how many other lines may precede the first field.
const maxPreamble = 10

// Recognise reports whether a file that starts with head, a few kilobytes, is MT940 or MT942: one of its first lines
// begins a field, and the field's content is plausible.
func Recognise(head []byte) bool {
	head = bytes.TrimPrefix(statement.UTF8Head(head), []byte("\xEF\xBB\xBF"))
	if hasOldEnds(head[:min(len(head), headSize)]) {
		head = bytes.ReplaceAll(head, []byte(oldEnd), []byte("\n"))
	}
	preamble := 0
	for _, text := range strings.FieldsFunc(string(head), func(r rune) bool { return r == '\r' || r == '\n' }) {
		text = strings.TrimFunc(text, func(r rune) bool { return r == ' ' || isControl(r) })
		if isBlock(text) {
			if kind := messageType(text); kind != "" {
				return kind == "940" || kind == "942" || kind == "950"
			}
			if _, inside, ok := strings.Cut(text, "{4:"); ok {
				text = inside
			}
		}
		if tag, rest := cutTag(text); tag != "" && isFormatField(tag, rest) {
			return true
		}
		if text == "" {
			continue
		}
		if preamble++; preamble > maxPreamble || text[0] == '<' {
			return false
		}
	}
	return false
}

// isFormatField reports whether a field identifies the format and has a plausible content.
func isFormatField(tag, rest string) bool {
	rest = strings.TrimSpace(rest)
	switch tag {
	case "20", "25", "25P", "28", "28C":
		return rest != "" && len(rest) <= 2*35
	case "13", "13D", "61":
		return len(rest) >= 6 && strings.Trim(rest[:6], "0123456789") == ""
	case "34F", "60", "60F", "60M", "62", "62F", "62M", "64", "65":
		_, ok, why := new(decimalMark).parseBalance(rest)
		return ok || why != "" || tag == "34F" && len(rest) > 3 && isCurrency(rest[:3])
	}
	return false
}
