// Package charset reads text files as UTF-8: by the byte order mark that they begin with, else in a declared encoding.
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

// The marks that files in Unicode may begin with.
var (
	markUTF8    = []byte("\xef\xbb\xbf")
	markUTF16BE = []byte("\xfe\xff")
	markUTF16LE = []byte("\xff\xfe")
)

// Reader turns a file into UTF-8, without a mark. Where it has none and no encoding is declared its bytes are left as they are.
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
