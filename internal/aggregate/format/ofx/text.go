// Decodes values: encodings, entities and line breaks; and parses the header that names the encoding.

package ofx

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"

	"bursar/internal/aggregate/format/statement"
)

// valueDecoder converts values to UTF-8. A valid UTF-8 text is unchanged, because headers often name another encoding
// than that of the file; other texts are decoded with the named encoding, or Windows-1252.
type valueDecoder struct{ charset encoding.Encoding }

func (v *valueDecoder) text(raw []byte) string {
	raw = bytes.TrimSpace(raw)
	text := string(raw)
	if !utf8.Valid(raw) {
		text = v.decode(raw)
	}
	if strings.IndexByte(text, '&') >= 0 {
		text = unescape(text)
	}
	if strings.ContainsAny(text, "\r\n") {
		text = joinLines(text)
	}
	return strings.TrimSpace(text)
}

func (v *valueDecoder) decode(raw []byte) string {
	charset := v.charset
	if charset == nil {
		charset = charmap.Windows1252
	}
	decoded, err := charset.NewDecoder().Bytes(raw)
	if err != nil {
		decoded = raw
	}
	return strings.ToValidUTF8(string(decoded), "\ufffd")
}

func joinLines(text string) string {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\r' || r == '\n' })
	kept := lines[:0]
	for _, line := range lines {
		if line = strings.TrimSpace(line); line != "" {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, " ")
}

var entities = map[string]string{"amp": "&", "lt": "<", "gt": ">", "quot": `"`, "apos": "'", "nbsp": "\u00a0"}

// unescape replaces the entities of the format; any other '&' is kept.
func unescape(text string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "&")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, after, ended := strings.Cut(rest[:min(len(rest), 12)], ";")
		character, known := "", false
		if ended {
			character, known = entity(name)
		}
		if !known {
			b.WriteByte('&')
			text = rest
			continue
		}
		b.WriteString(character)
		text = rest[min(len(rest), 12)-len(after):]
	}
}

func entity(name string) (string, bool) {
	if character, ok := entities[name]; ok {
		return character, true
	}
	number, ok := strings.CutPrefix(name, "#")
	if !ok {
		return "", false
	}
	base := 10
	if hex, ok := strings.CutPrefix(strings.ToLower(number), "x"); ok {
		number, base = hex, 16
	}
	n, err := strconv.ParseUint(number, base, 31)
	if err != nil || n == 0 || !utf8.ValidRune(rune(n)) {
		return "", false
	}
	return string(rune(n)), true
}

var headerKey = regexp.MustCompile(`(?i)(OFXHEADER|DATA|VERSION|SECURITY|ENCODING|CHARSET|COMPRESSION|OLDFILEUID|NEWFILEUID)\s*[:=]`)

// headerFields returns the keys and values of a header: KEY:VALUE in one or several lines, or KEY="VALUE" of
// processing instructions.
func headerFields(text string) []statement.Field {
	var fields []statement.Field
	keys := headerKey.FindAllStringSubmatchIndex(text, -1)
	for i, at := range keys {
		end := len(text)
		if i+1 < len(keys) {
			end = keys[i+1][0]
		}
		value := strings.TrimSpace(text[at[1]:end])
		if value != "" && (value[0] == '"' || value[0] == '\'') {
			value, _, _ = strings.Cut(value[1:], value[:1])
		} else if words := strings.Fields(value); len(words) > 0 {
			value = words[0]
		}
		fields = append(fields, statement.Field{Name: strings.ToUpper(text[at[2]:at[3]]), Value: value})
	}
	return fields
}

var codePages = map[string]encoding.Encoding{
	"437": charmap.CodePage437, "850": charmap.CodePage850, "852": charmap.CodePage852, "855": charmap.CodePage855,
	"858": charmap.CodePage858, "860": charmap.CodePage860, "862": charmap.CodePage862, "863": charmap.CodePage863,
	"865": charmap.CodePage865, "866": charmap.CodePage866,
}

var charsetAliases = map[string]string{"932": "shift_jis", "936": "gbk", "949": "euc-kr", "950": "big5"}

// setCharset sets the encoding that a header names. An unknown name and UTF-8, which is tried first for every value,
// are ignored.
func (v *valueDecoder) setCharset(name string) {
	name = strings.TrimPrefix(strings.ToLower(name), "cp")
	if page, ok := codePages[name]; ok {
		v.charset = page
		return
	}
	if long, ok := charsetAliases[name]; ok {
		name = long
	}
	for _, prefix := range []string{"", "windows-", "iso-"} {
		found, err := htmlindex.Get(prefix + name)
		if err != nil {
			continue
		}
		if canonical, err := htmlindex.Name(found); err == nil && !strings.HasPrefix(canonical, "utf-") {
			v.charset = found
			return
		}
	}
}
