// From a file's bytes to text in UTF-8, a token at a time and none longer than the limit.

package camt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"bursar/internal/aggregate/statement"
)

// maxToken is how many bytes a text, a tag, a comment or an instruction may have, with the brackets around it.
const maxToken = statement.MaxValue + 2

// errTokenTooLong ends a token of more than maxToken bytes before it is held whole.
var errTokenTooLong = errors.New("longer than the limit")

// tokenReader buffers a reader for the decoder, which takes bytes, and gives each token a budget. It is an io.Reader without a
// budget, too, for what decodes another encoding.
type tokenReader struct {
	reader   io.Reader
	err      error // how the reader ended
	buffer   []byte
	position int // the next byte
	limit    int // where the token's budget or the buffer ends
	filled   int // of what is in the buffer
	budget   int // the token's budget beyond the buffer's end
}

// window is how much of a file is read at a time.
const window = 32 << 10

// scratch is what every reading needs, and is used again, as banks send many small files.
type scratch struct {
	buffer [window]byte
	stack  [16]element // most messages nest no deeper
}

var scratchPool = sync.Pool{New: func() any { return new(scratch) }}

func newTokenReader(r io.Reader) *tokenReader {
	return &tokenReader{reader: r, buffer: make([]byte, window)}
}

// startToken starts a new token.
func (s *tokenReader) startToken() {
	s.limit = min(s.filled, s.position+maxToken)
	s.budget = s.position + maxToken - s.limit
}

// ReadByte is the decoder's way to read.
func (s *tokenReader) ReadByte() (byte, error) {
	if s.position == s.limit {
		if err := s.refill(); err != nil {
			return 0, err
		}
	}
	b := s.buffer[s.position]
	s.position++
	return b, nil
}

// refill fills the buffer for the rest of the token.
func (s *tokenReader) refill() error {
	if s.budget == 0 {
		return errTokenTooLong
	}
	if err := s.fill(); err != nil {
		return err
	}
	s.limit = min(s.filled, s.budget)
	s.budget -= s.limit
	return nil
}

// Read is for what stands between this source and the decoder.
func (s *tokenReader) Read(p []byte) (int, error) {
	if s.position == s.filled {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.buffer[s.position:s.filled])
	s.position += n
	s.limit = s.position
	return n, nil
}

// fill reads into the empty buffer.
func (s *tokenReader) fill() error {
	s.position, s.limit, s.filled = 0, 0, 0
	return s.extend()
}

// extend reads at least one byte more into the buffer.
func (s *tokenReader) extend() error {
	if s.err != nil {
		return s.err
	}
	const maxTries = 100
	for range maxTries {
		n, err := s.reader.Read(s.buffer[s.filled:])
		s.filled, s.err = s.filled+n, err
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	s.err = io.ErrNoProgress
	return s.err
}

// Beginnings of files that name their encoding by their first bytes.
var encodingMarks = []struct {
	prefix   string
	encoding encoding.Encoding // nil is UTF-8
	skip     int               // how many of the bytes are no text; a decoder takes away its own
}{
	{"\xef\xbb\xbf", nil, 3},
	{"\xfe\xff", unicode.UTF16(unicode.BigEndian, unicode.UseBOM), 0},
	{"\xff\xfe", unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), 0},
	{"\x00<", unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), 0},
	{"<\x00", unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), 0},
}

// longestPrefix is how many bytes it takes to tell.
const longestPrefix = 3

// decodeFile is a file's text. certain is whether its first bytes tell the encoding, whatever is declared afterwards.
func decodeFile(file *tokenReader) (decoded *tokenReader, known bool) {
	for err := error(nil); err == nil && file.filled < longestPrefix; {
		err = file.extend()
	}
	for _, b := range encodingMarks {
		if !bytes.HasPrefix(file.buffer[:file.filled], []byte(b.prefix)) {
			continue
		}
		if b.encoding == nil {
			file.position = b.skip
			return file, true
		}
		return newTokenReader(transform.NewReader(file, b.encoding.NewDecoder())), true
	}
	return file, false
}

// encodingByName is what an XML declaration names; nil is UTF-8. What could be read as far as that declaration is no UTF-16,
// whatever it says.
func encodingByName(name string) (encoding.Encoding, error) {
	if found, err := ianaindex.IANA.Encoding(name); err == nil && found != nil {
		if found == unicode.UTF8 || isUTF16(found) {
			return nil, nil
		}
		return found, nil
	}
	found, err := htmlindex.Get(name)
	if err != nil {
		return nil, fmt.Errorf("the encoding %.40q is not known", name)
	}
	return found, nil
}

// isUTF16 tells UTF-16 in any byte order.
func isUTF16(e encoding.Encoding) bool {
	encoded, err := e.NewEncoder().String("<")
	return err == nil && len(encoded) > 1
}
