// Files of two bytes a letter, as Windows' programs save them.

package statement

import (
	"bufio"
	"bytes"
	"io"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// IsUTF16 tells whether a file that begins with head is UTF-16, by the mark at its beginning.
func IsUTF16(head []byte) bool {
	return bytes.HasPrefix(head, []byte("\xfe\xff")) || bytes.HasPrefix(head, []byte("\xff\xfe"))
}

// UTF8Head is the beginning of a file as UTF-8, without what may be half a letter.
func UTF8Head(head []byte) []byte {
	if !IsUTF16(head) {
		return head
	}
	head, _, _ = transform.Bytes(fromUTF16(), head[:len(head)&^3]) // what is no letter becomes the sign for that
	return head
}

// BufferUTF8 is Buffer of a file that becomes UTF-8 if it is UTF-16, and is any other as it is. release is to be called once
// nothing is read any more.
func BufferUTF8(r io.Reader) (b *bufio.Reader, release func()) {
	raw := Buffer(r)
	if head, _ := raw.Peek(len("\xfe\xff")); !IsUTF16(head) { // an error is met again
		return raw, func() { Release(raw) }
	}
	b = Buffer(transform.NewReader(raw, fromUTF16()))
	return b, func() { Release(b); Release(raw) }
}

func fromUTF16() transform.Transformer {
	return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder()
}
