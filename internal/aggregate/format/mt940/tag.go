// Recognises tags, and text that only looks like a tag.

package mt940

import "strings"

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
