// What the readers of all formats share: texts, days, limits and pooled buffers.

package statement

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	encoding "golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
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

// AccountNumber normalizes an account number. A valid IBAN is returned in capitals and without blanks; any other
// number is returned as written, without the blanks around it.
func AccountNumber(text string) (number string, iban bool) {
	if compact := WithoutBlanks(text); isIBAN(compact) {
		return strings.ToUpper(compact), true
	}
	return strings.TrimSpace(text), false
}

// WithoutBlanks removes all white space.
func WithoutBlanks(text string) string {
	if strings.IndexFunc(text, unicode.IsSpace) < 0 {
		return text
	}
	return strings.Join(strings.Fields(text), "")
}

// isIBAN checks the form and the check digits of an IBAN (ISO 13616), in either case: with the first four characters
// moved to the end and letters counted from 10, the number modulo 97 is 1.
func isIBAN(text string) bool {
	const shortest, longest = 15, 34
	if len(text) < shortest || len(text) > longest || text[0] < 'A' || text[1] < 'A' || text[2] > '9' || text[3] > '9' {
		return false
	}
	rest := 0
	for i := range len(text) {
		switch c := text[(i+4)%len(text)]; {
		case c >= '0' && c <= '9':
			rest = (rest*10 + int(c-'0')) % 97
		case c >= 'A' && c <= 'Z':
			rest = (rest*100 + int(c-'A') + 10) % 97
		case c >= 'a' && c <= 'z':
			rest = (rest*100 + int(c-'a') + 10) % 97
		default:
			return false
		}
	}
	return rest == 1
}

// NormalizeReference trims a reference. It returns "" for the words that banks write when an entry has no reference,
// because equal words do not make equal entries.
func NormalizeReference(reference string) string {
	reference = strings.TrimSpace(reference)
	if strings.EqualFold(reference, "NONREF") || strings.EqualFold(reference, "NOTPROVIDED") {
		return ""
	}
	return reference
}

// IsLaterPage reports whether a page number is 2 or more.
func IsLaterPage(page string) bool {
	page = strings.TrimLeft(page, "0")
	return page != "" && page != "1" && strings.Trim(page, "0123456789") == ""
}

// IsDay reports whether a text is a day.
func IsDay(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}

// ParseDay parses a day of a stored event, which intake has checked.
func ParseDay(day string) time.Time {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic("day of a stored event: " + err.Error())
	}
	return t
}

// DayAfter is the day after a day of a stored event.
func DayAfter(day string) string { return ParseDay(day).AddDate(0, 0, 1).Format(time.DateOnly) }

// DayBefore is the day before a day of a stored event.
func DayBefore(day string) string { return ParseDay(day).AddDate(0, 0, -1).Format(time.DateOnly) }

// DaysBetween is the number of days from one day to another.
func DaysBetween(from, to string) int {
	return int(ParseDay(to).Sub(ParseDay(from)) / (24 * time.Hour))
}

// Limits of what a reader keeps in memory. A file that exceeds one is refused, and the error names the limit.
const (
	MaxValue = 1 << 20 // bytes of one value
	MaxDepth = 64      // nested elements
)

// Window is how many bytes a Buffer reads ahead.
const Window = 64 << 10

var buffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, Window) }}

// Buffer returns a pooled buffered reader of r. After Release, slices that it returned must not be used.
func Buffer(r io.Reader) *bufio.Reader {
	b := buffers.Get().(*bufio.Reader) //nolint:errcheck // the pool contains nothing else
	b.Reset(r)
	return b
}

// Release returns a buffer to the pool.
func Release(b *bufio.Reader) {
	b.Reset(nil)
	buffers.Put(b)
}

// IsUTF16 reports whether a file that begins with head has a byte order mark of UTF-16.
func IsUTF16(head []byte) bool {
	return bytes.HasPrefix(head, []byte("\xfe\xff")) || bytes.HasPrefix(head, []byte("\xff\xfe"))
}

// UTF8Head converts the beginning of a file to UTF-8, without a last character that may be incomplete.
func UTF8Head(head []byte) []byte {
	if !IsUTF16(head) {
		return head
	}
	head, _, _ = transform.Bytes(fromUTF16(), head[:len(head)&^3]) // invalid characters become U+FFFD
	return head
}

// BufferUTF8 is like Buffer, and converts a UTF-16 file to UTF-8. The caller must call release when it has finished
// reading.
func BufferUTF8(r io.Reader) (b *bufio.Reader, release func()) {
	raw := Buffer(r)
	if head, _ := raw.Peek(len("\xfe\xff")); !IsUTF16(head) { // a read error occurs again at the next read
		return raw, func() { Release(raw) }
	}
	b = Buffer(transform.NewReader(raw, fromUTF16()))
	return b, func() { Release(b); Release(raw) }
}

func fromUTF16() transform.Transformer {
	return encoding.UTF16(encoding.LittleEndian, encoding.UseBOM).NewDecoder()
}
