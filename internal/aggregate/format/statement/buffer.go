// Buffers of the format readers: pooled, because banks send many small files, and converted to UTF-8.

package statement

import (
	"bufio"
	"bytes"
	"io"
	"sync"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
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
	return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder()
}
