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

// errLong ends a token of more than maxToken bytes before it is held whole.
var errLong = errors.New("longer than the limit")

// source buffers a reader for the decoder, which takes bytes, and gives each token a budget. It is an io.Reader without a
// budget, too, for what decodes another encoding.
type source struct {
	reader io.Reader
	err    error // how the reader ended
	buffer []byte
	at     int // the next byte
	stop   int // where the token's budget or the buffer ends
	end    int // of what is in the buffer
	left   int // the token's budget beyond the buffer's end
}

// window is how much of a file is read at a time.
const window = 32 << 10

// scratch is what every reading needs, and is used again, as banks send many small files.
type scratch struct {
	buffer [window]byte
	open   [16]element // most messages nest no deeper
}

var scratchPool = sync.Pool{New: func() any { return new(scratch) }}

func newSource(r io.Reader) *source {
	return &source{reader: r, buffer: make([]byte, window)}
}

// renew starts a new token.
func (s *source) renew() {
	s.stop = min(s.end, s.at+maxToken)
	s.left = s.at + maxToken - s.stop
}

// ReadByte is the decoder's way to read.
func (s *source) ReadByte() (byte, error) {
	if s.at == s.stop {
		if err := s.more(); err != nil {
			return 0, err
		}
	}
	b := s.buffer[s.at]
	s.at++
	return b, nil
}

// more fills the buffer for the rest of the token.
func (s *source) more() error {
	if s.left == 0 {
		return errLong
	}
	if err := s.fill(); err != nil {
		return err
	}
	s.stop = min(s.end, s.left)
	s.left -= s.stop
	return nil
}

// Read is for what stands between this source and the decoder.
func (s *source) Read(p []byte) (int, error) {
	if s.at == s.end {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.buffer[s.at:s.end])
	s.at += n
	s.stop = s.at
	return n, nil
}

// fill reads into the empty buffer.
func (s *source) fill() error {
	s.at, s.stop, s.end = 0, 0, 0
	return s.extend()
}

// extend reads at least one byte more into the buffer.
func (s *source) extend() error {
	if s.err != nil {
		return s.err
	}
	const tries = 100
	for range tries {
		n, err := s.reader.Read(s.buffer[s.end:])
		s.end, s.err = s.end+n, err
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
var beginnings = []struct {
	bytes    string
	encoding encoding.Encoding // nil is UTF-8
	mark     int               // how many of the bytes are no text; a decoder takes away its own
}{
	{"\xef\xbb\xbf", nil, 3},
	{"\xfe\xff", unicode.UTF16(unicode.BigEndian, unicode.UseBOM), 0},
	{"\xff\xfe", unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), 0},
	{"\x00<", unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), 0},
	{"<\x00", unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), 0},
}

// longestMark is how many bytes it takes to tell.
const longestMark = 3

// text is a file's text. certain is whether its first bytes tell the encoding, whatever is declared afterwards.
func text(file *source) (decoded *source, certain bool) {
	for err := error(nil); err == nil && file.end < longestMark; {
		err = file.extend()
	}
	for _, b := range beginnings {
		if !bytes.HasPrefix(file.buffer[:file.end], []byte(b.bytes)) {
			continue
		}
		if b.encoding == nil {
			file.at = b.mark
			return file, true
		}
		return newSource(transform.NewReader(file, b.encoding.NewDecoder())), true
	}
	return file, false
}

// encodingNamed is what an XML declaration names; nil is UTF-8. What could be read as far as that declaration is no UTF-16,
// whatever it says.
func encodingNamed(name string) (encoding.Encoding, error) {
	if found, err := ianaindex.IANA.Encoding(name); err == nil && found != nil {
		if found == unicode.UTF8 || isWide(found) {
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

// isWide tells UTF-16 in any byte order.
func isWide(e encoding.Encoding) bool {
	encoded, err := e.NewEncoder().String("<")
	return err == nil && len(encoded) > 1
}
