// Decodes lines that are not UTF-8. The standard allows only ASCII; banks write UTF-8, or the code pages of Windows,
// Unix or DOS.

package mt940

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// lineDecoder decodes the lines of a file. UTF-8 stays as it is. In other lines, the letters within words distinguish
// code pages of Windows (0xC0 and above) from those of DOS (0x80 to 0xA5): the one with more letters in the file so
// far is used, or that of Windows. The letters of Unix (ISO 8859) are nearly the same as those of Windows. DOS is
// read as code page 852, of Central Europe, because such files come from there; its German letters are also those of
// 437 and 850. All of them leave ASCII unchanged and turn no other byte into a digit, so that an amount does not
// depend on the choice.
type lineDecoder struct{ windows, dos int }

// decode converts a line to UTF-8 and replaces control characters by spaces.
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
	l.countLetters(text)
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

// windowsPage returns the code page of a line of Windows or Unix: Western Europe, unless that has symbols within
// words where one of Central Europe has letters. Only the line decides, so that it is read the same in every file.
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

// countLetters counts the non-ASCII letters between letters. Bytes that both code pages use within words are ignored: 0xA0
// is a space of Windows, 0x91 to 0x97 are its quotes and dashes, and six are letters of both.
func (l *lineDecoder) countLetters(text []byte) {
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

func controlToSpace(r rune) rune {
	if isControl(r) {
		return ' '
	}
	return r
}
