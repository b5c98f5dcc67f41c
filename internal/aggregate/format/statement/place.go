// What the readers of all formats share: places, limits, the error that refuses a file, and pooled buffers in UTF-8.

package statement

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"sync"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"bursar/internal/failure"
)

// Limits of what a reader keeps in memory. A file that exceeds one is refused, and the error names the limit.
const (
	MaxValue = 1 << 20 // bytes of one value
	MaxDepth = 64      // nested elements
)

// Place is a position in a file: its line and the byte within the line, both from 1.
type Place struct {
	Line   int64 `json:"line"`
	Column int64 `json:"column"`
}

// String returns "line:column".
func (p Place) String() string { return string(p.Append(nil)) }

// Append appends what String writes.
func (p Place) Append(buffer []byte) []byte {
	buffer = append(strconv.AppendInt(buffer, p.Line, 10), ':')
	return strconv.AppendInt(buffer, p.Column, 10)
}

// Error refuses a file: the place, the reason and the next step. Its class is Data: a retry gives the same error.
type Error struct {
	Place  Place
	Reason string
	Hint   string // the next step; may be empty
}

// Refuse returns an Error.
func Refuse(at Place, format string, args ...any) *Error {
	return &Error{Place: at, Reason: fmt.Sprintf(format, args...)}
}

// Advise sets the next step.
func (e *Error) Advise(hint string) *Error {
	e.Hint = hint
	return e
}

func (e *Error) Error() string {
	text := e.Place.String() + ": " + e.Reason
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// Class is failure.Data.
func (e *Error) Class() failure.Class { return failure.Data }

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
	return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder()
}
