// Splits a file into lines, whatever ends them, and decodes those that are not UTF-8.

package mt940

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"bursar/internal/aggregate/format/statement"
)

// line is a line in UTF-8 without its end, and its place.
type line struct {
	text string
	at   statement.Place
}

// oldEnd ends lines of the former videotex format, which German banks may still send.
const oldEnd = "@@"

func hasOldEnds(head []byte) bool { return bytes.Contains(head, []byte(oldEnd+":2")) }

// headSize is how many bytes of a file are searched for oldEnd.
const headSize = 1 << 10

// lineReader splits a file into lines that end in CR, LF or both, or in oldEnd.
type lineReader struct {
	lines   *bufio.Scanner
	count   int64
	afterCR bool
	oldEnds bool // oldEnd ends lines, too
	unended bool // the last line has no end
	decoder lineDecoder
}

func newLineReader(in *bufio.Reader) *lineReader {
	head, _ := in.Peek(headSize) // a read error occurs again at the next read
	l := &lineReader{lines: bufio.NewScanner(in), oldEnds: hasOldEnds(head)}
	l.lines.Buffer(nil, statement.MaxValue+len(oldEnd))
	l.lines.Split(l.cutLine)
	return l
}

// next returns the next line; ok is false after the last one.
func (l *lineReader) next() (next line, ok bool, err error) {
	if l.lines.Scan() && l.lines.Err() == nil { // what is read before an error may be a part of a line
		return l.lineOf(l.lines.Bytes()), true, nil
	}
	switch err := l.lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return line{}, false, statement.Refuse(statement.Place{Line: l.count + 1, Column: 1}, "a line is longer than %d bytes", statement.MaxValue)
	case err != nil:
		return line{}, false, fmt.Errorf("read statement: %w", err)
	}
	return line{}, false, nil
}

// cutLine is the bufio.SplitFunc of lines.
func (l *lineReader) cutLine(data []byte, atEOF bool) (advance int, text []byte, err error) {
	if l.afterCR && len(data) > 0 {
		l.afterCR = false
		if data[0] == '\n' {
			advance = 1
		}
	}
	rest := data[advance:]
	end, size := l.findEnd(rest)
	switch {
	case size > 0:
		l.afterCR = rest[end] == '\r'
		return advance + end + size, rest[:end], nil
	case atEOF && len(rest) > 0:
		l.unended = true
		return len(data), rest, nil
	}
	return advance, nil, nil
}

// findEnd finds the next line end, and its size; 0 if there is none.
func (l *lineReader) findEnd(data []byte) (at, size int) {
	ends := "\r\n"
	if l.oldEnds {
		ends += oldEnd[:1]
	}
	for {
		next := bytes.IndexAny(data[at:], ends)
		if next < 0 {
			return 0, 0
		}
		if at += next; data[at] != oldEnd[0] {
			return at, 1
		}
		if bytes.HasPrefix(data[at:], []byte(oldEnd)) {
			return at, len(oldEnd)
		}
		at++
	}
}

// lineOf returns the next line, without control characters and byte order marks around it.
func (l *lineReader) lineOf(raw []byte) line {
	l.count++
	text := raw
	if l.count == 1 {
		text = bytes.TrimPrefix(text, []byte("\xEF\xBB\xBF"))
	}
	text = bytes.TrimLeftFunc(text, isControl)
	column := len(raw) - len(text) + 1
	text = bytes.TrimRightFunc(text, isControl)
	return line{l.decoder.decode(text), statement.Place{Line: l.count, Column: int64(column)}}
}

// isControl reports whether r is a control character, such as SOH and ETX around messages.
func isControl(r rune) bool { return r < ' ' || r == 0x7F }

// lineDecoder decodes the lines of a file: the standard allows only ASCII, and banks write UTF-8 or the code pages of
// Windows, Unix or DOS. UTF-8 stays as it is. In other lines, the letters within words distinguish
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
