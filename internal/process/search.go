// Searching a stream for a text.

package process

import "bytes"

// Search is an io.Writer that searches what is written for a text. The empty text is always found. Its memory is that of the text and of a write.
type Search struct {
	text, rest []byte // rest: the end of the stream, shorter than text
	found      bool
}

// NewSearch returns a search for a text.
func NewSearch(text string) *Search { return &Search{text: []byte(text), found: text == ""} }

// Write never fails.
func (s *Search) Write(p []byte) (int, error) {
	if s.found {
		return len(p), nil
	}
	s.rest = append(s.rest, p...)
	s.found = bytes.Contains(s.rest, s.text)
	if excess := len(s.rest) - len(s.text) + 1; excess > 0 {
		s.rest = append(s.rest[:0], s.rest[excess:]...)
	}
	return len(p), nil
}

// Found reports whether the text was written.
func (s *Search) Found() bool { return s.found }
