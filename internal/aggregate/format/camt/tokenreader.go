// Converts a file to UTF-8 and limits the length of each token.

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

	"bursar/internal/aggregate/format/statement"
)

// maxToken is the maximum size in bytes of a text, a tag, a comment or an instruction, with its brackets.
const maxToken = statement.MaxValue + 2

// errTokenTooLong stops the decoder before it keeps a longer token in memory.
var errTokenTooLong = errors.New("longer than the limit")

// tokenReader is the decoder's io.ByteReader and gives each token a budget of maxToken bytes. Its method Read has no
// budget; it serves the decoder of another encoding.
type tokenReader struct {
	reader   io.Reader
	err      error // the reader's last error
	buffer   []byte
	position int // of the next byte in the buffer
	limit    int // end of the token's budget or of the buffer
	filled   int // end of the data in the buffer
	budget   int // what is left for the token after limit
}

const window = 32 << 10

// scratch is the memory of one read. It is pooled, because banks send many small files.
type scratch struct {
	buffer [window]byte
	stack  [16]element // most messages are not nested deeper
}

var scratchPool = sync.Pool{New: func() any { return new(scratch) }}

func newTokenReader(r io.Reader) *tokenReader {
	return &tokenReader{reader: r, buffer: make([]byte, window)}
}

func (s *tokenReader) startToken() {
	s.limit = min(s.filled, s.position+maxToken)
	s.budget = s.position + maxToken - s.limit
}

// ReadByte reads within the token's budget.
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

// refill fills the buffer and continues the token's budget.
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

// Read reads without a budget.
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

// extend reads at least one more byte into the buffer.
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

// encodingMarks are the first bytes that determine the encoding of a file.
var encodingMarks = []struct {
	prefix   string
	encoding encoding.Encoding // nil is UTF-8
	skip     int               // bytes that are not text; a decoder skips its own mark
}{
	{"\xef\xbb\xbf", nil, 3},
	{"\xfe\xff", unicode.UTF16(unicode.BigEndian, unicode.UseBOM), 0},
	{"\xff\xfe", unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), 0},
	{"\x00<", unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), 0},
	{"<\x00", unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), 0},
}

const longestPrefix = 3

// decodeFile returns the file as UTF-8. known is whether its first bytes determine the encoding; a declaration is
// ignored then.
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

// encodingByName returns the encoding that an XML declaration names; nil is UTF-8. A declared UTF-16 is ignored: the
// declaration could not have been read in it.
func encodingByName(name string) (encoding.Encoding, error) {
	if found, err := ianaindex.IANA.Encoding(name); err == nil && found != nil {
		if encoded, err := found.NewEncoder().String("<"); found == unicode.UTF8 || err == nil && len(encoded) > 1 {
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
