// Recognises tags, text that only looks like a tag, and files by their first tags.

package mt940

import (
	"bytes"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// tags are the fields of MT940, MT942 and MT950, those that banks write without their letter, and :NS: of German
// banks.
var tags = map[string]bool{
	"13": true, "13D": true, "20": true, "21": true, "25": true, "25P": true, "28": true, "28C": true, "34F": true,
	"60": true, "60F": true, "60M": true, "61": true, "62": true, "62F": true, "62M": true, "64": true, "65": true,
	"86": true, "90C": true, "90D": true, "NS": true,
}

// cutTag splits a line into its tag and the rest; tag is "" if it starts with none.
func cutTag(text string) (tag, rest string) {
	text = strings.TrimLeft(text, " ")
	if len(text) < 4 || text[0] != ':' {
		return "", ""
	}
	end := strings.IndexByte(text[1:min(len(text), 5)], ':')
	if end < 0 {
		return "", ""
	}
	if tag = text[1 : 1+end]; !tags[tag] {
		if tag = strings.ToUpper(tag); !tags[tag] {
			return "", ""
		}
	}
	return tag, text[2+end:]
}

// beginsTag reports whether a line is only the first part of a tag: ":", ":8", ":86".
func beginsTag(text string) bool {
	text = strings.TrimSpace(text)
	if len(text) == 0 || len(text) > 4 || text[0] != ':' {
		return false
	}
	for tag := range tags {
		if strings.HasPrefix(tag, text[1:]) {
			return true
		}
	}
	return false
}

// isWrappedTime reports whether a line that looks like a new field continues a time of day, as in "…T13" and ":20:37
// Fo": it is within an entry's text, the line before ends with an hour, and minutes and seconds follow.
func (r *reader) isWrappedTime(text string) bool {
	f := &r.field
	if f.tag != "86" || !r.emitter.pending || len(f.lines) == 0 {
		return false
	}
	before := f.lines[len(f.lines)-1].text
	n := len(before)
	if n < 3 || !isNumberUpTo(before[n-2:], 23) || isDigit(before[n-3]) {
		return false
	}
	return len(text) >= 6 && text[0] == ':' && isNumberUpTo(text[1:3], 59) && text[3] == ':' && isNumberUpTo(text[4:6], 59) &&
		(len(text) == 6 || text[6] == ' ' || text[6] == '?' || text[6] == '.')
}

// isNumberUpTo reports whether two characters are a number up to limit.
func isNumberUpTo(text string, limit int) bool {
	return isDigit(text[0]) && isDigit(text[1]) && int(text[0]-'0')*10+int(text[1]-'0') <= limit
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func isLower(b byte) bool { return 'a' <= b && b <= 'z' }

func isUpper(b byte) bool { return 'A' <= b && b <= 'Z' }

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
