// Package charset reads text files as UTF-8: by their byte order mark, else in a declared encoding.
package charset

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// Byte order marks of Unicode files.
var (
	markUTF8    = []byte("\xef\xbb\xbf")
	markUTF16BE = []byte("\xfe\xff")
	markUTF16LE = []byte("\xff\xfe")
)

// Reader converts a file to UTF-8, without its mark. A file without mark and declared encoding is passed through unchanged.
func Reader(in io.Reader, declared encoding.Encoding) (io.Reader, error) {
	b := bufio.NewReader(in)
	head, err := b.Peek(len(markUTF8))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, markUTF8):
		_, err := b.Discard(len(markUTF8))
		return b, err
	case bytes.HasPrefix(head, markUTF16BE), bytes.HasPrefix(head, markUTF16LE):
		declared = unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	case declared == nil:
		return b, nil
	}
	return transform.NewReader(b, declared.NewDecoder()), nil
}

// Marked reports whether a file begins with a byte order mark, which overrides a declared encoding.
func Marked(head []byte) bool {
	return bytes.HasPrefix(head, markUTF8) || bytes.HasPrefix(head, markUTF16BE) || bytes.HasPrefix(head, markUTF16LE)
}

// replacement is what decoders write for bytes that are not valid in the encoding.
var replacement = []byte("\uFFFD")

// noUTF8 is a byte that never occurs in UTF-8.
const noUTF8 = 0xff

// Strict is Reader for files whose rows are checked one by one: bytes that are not valid in the encoding become a byte that is not UTF-8,
// so that their row is rejected rather than misread.
func Strict(in io.Reader, declared encoding.Encoding) (io.Reader, error) {
	r, err := Reader(in, declared)
	if decoder, is := r.(*transform.Reader); is {
		return transform.NewReader(decoder, refuse{}), err
	}
	return r, err
}

// refuse replaces each replacement character by noUTF8.
type refuse struct{ transform.NopResetter }

// Transform implements transform.Transformer.
func (refuse) Transform(dst, src []byte, atEOF bool) (written, read int, err error) {
	for read < len(src) {
		rest := src[read:]
		plain := bytes.IndexByte(rest, replacement[0])
		switch {
		case written == len(dst):
			return written, read, transform.ErrShortDst
		case plain != 0:
			if plain < 0 {
				plain = len(rest)
			}
			n := copy(dst[written:], rest[:plain])
			written, read = written+n, read+n
		case bytes.HasPrefix(rest, replacement):
			dst[written] = noUTF8
			written, read = written+1, read+len(replacement)
		case len(rest) < len(replacement) && !atEOF:
			return written, read, transform.ErrShortSrc
		default:
			dst[written] = rest[0]
			written, read = written+1, read+1
		}
	}
	return written, read, nil
}
