// Letters beyond ASCII. The standard has none; banks write UTF-8, or what Windows, Unix or DOS wrote.

package mt940

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// lineDecoder decodes the lines of a file. A line that is UTF-8 stays as it is; of the others, the letters within words
// tell Windows' letters (0xC0 and above) from those of DOS (0x80 to 0xA5): whichever the file has had more of, else Windows'.
// Unix' letters, of ISO 8859, are nearly the same as Windows'.
// DOS is read as code page 852, of Central Europe, where such files come from; its German letters are those of 437 and 850 too.
// Both leave ASCII as it is, and make no digit of anything else: an amount does not depend on the choice.
type lineDecoder struct{ windows, dos int }

// decode makes a line UTF-8, with spaces for control characters.
func (l *lineDecoder) decode(text []byte) string {
	ascii := true
	for _, b := range text {
		if b >= utf8.RuneSelf || isControl(rune(b)) {
			ascii = false
			break
		}
	}
	if ascii {
		return string(text)
	}
	if utf8.Valid(text) {
		return strings.Map(controlToSpace, string(text))
	}
	l.count(text)
	page := windowsPage(text)
	if l.dos > l.windows {
		page = charmap.CodePage852
	}
	var decoded strings.Builder
	for _, b := range text {
		decoded.WriteRune(controlToSpace(page.DecodeByte(b)))
	}
	return decoded.String()
}

// windowsPage is the code page of a line that Windows or Unix wrote: of Western Europe, unless it has symbols within words that are
// letters in one of Central Europe. The line alone tells, so that it is read the same in every file.
func windowsPage(text []byte) *charmap.Charmap {
	pages := [...]*charmap.Charmap{charmap.Windows1252, charmap.Windows1250, charmap.ISO8859_2}
	var nonLetters [len(pages)]int
	for i := 1; i+1 < len(text); i++ {
		if text[i] < utf8.RuneSelf || !isLatinLetter(text[i-1]) || !isLatinLetter(text[i+1]) {
			continue
		}
		for n, page := range pages {
			if r := page.DecodeByte(text[i]); !unicode.IsLower(r) && !unicode.IsUpper(r) {
				nonLetters[n]++
			}
		}
	}
	best := 0
	for n := range nonLetters {
		if nonLetters[n] < nonLetters[best] {
			best = n
		}
	}
	return pages[best]
}

// count looks at the letters that stand between letters. What both code pages use within words tells nothing:
// 0xA0 is a space of Windows', 0x91 to 0x97 are its quotes and dashes, and six are letters of both.
func (l *lineDecoder) count(text []byte) {
	for i := 1; i+1 < len(text); i++ {
		if !isLatinLetter(text[i-1]) || !isLatinLetter(text[i+1]) {
			continue
		}
		switch b := text[i]; {
		case b >= 0xC0:
			l.windows++
		case b >= 0x91 && b <= 0x97, b == 0xA0, strings.IndexByte("\x8A\x8C\x8E\x9A\x9C\x9E", b) >= 0:
		case b >= 0x80 && b <= 0xA5:
			l.dos++
		}
	}
}

func isLatinLetter(b byte) bool { return 'A' <= b && b <= 'Z' || 'a' <= b && b <= 'z' }

// controlToSpace is a space for a control character.
func controlToSpace(r rune) rune {
	if isControl(r) {
		return ' '
	}
	return r
}
