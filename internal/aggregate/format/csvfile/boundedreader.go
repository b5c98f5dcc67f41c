// Limits the bytes that are read for one row, and converts values to UTF-8.

package csvfile

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"bursar/internal/aggregate/format/statement"
)

// errTooLong ends a read whose row exceeds its budget.
var errTooLong = errors.New("the row is too long")

// boundedReader reads at most a row of statement.MaxValue bytes and a buffer of statement.Window bytes ahead.
type boundedReader struct {
	in     io.Reader
	budget int64
	err    error
}

// startRow renews the budget.
func (s *boundedReader) startRow() { s.budget = statement.MaxValue + statement.Window }

func (s *boundedReader) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	if s.budget == 0 {
		s.err = errTooLong
		return 0, s.err
	}
	n, err := s.in.Read(p[:min(int64(len(p)), s.budget)])
	s.budget -= int64(n)
	s.err = err
	return n, err
}

// toUTF8 decodes a value that is not valid UTF-8 as windows-1252, in which every byte is a character.
func toUTF8(value string) string {
	if utf8.ValidString(value) {
		return value
	}
	text, err := charmap.Windows1252.NewDecoder().String(value)
	if err != nil {
		return string(bytes.ToValidUTF8([]byte(value), []byte("\uFFFD")))
	}
	return text
}
