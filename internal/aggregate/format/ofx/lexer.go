// Splits a file into tags and text.

package ofx

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

const (
	maxName  = 64      // bytes of an element's name; a longer one is text
	maxTag   = 2048    // bytes of a tag with its attributes; a longer one is text
	maxNames = 1 << 12 // cached names
	blank    = " \t\r\n"
)

type tagForm uint8

const (
	tagStart tagForm = iota
	tagEmpty         // <NAME/>
	tagEnd
	tagNone // the end of the file
)

type tag struct {
	element
	shape tagForm
}

// lexer splits a file into tags and text. A '<' that does not begin a tag is text, because banks write it so.
type lexer struct {
	in         *bufio.Reader
	place      statement.Place // of the next byte
	tag        tag             // the tag after the last text
	value      []byte
	valuePlace statement.Place // start of the value
	names      map[string]element
}

func newLexer(in *bufio.Reader) *lexer {
	l := &lexer{in: in, place: statement.Place{Line: 1, Column: 1}, names: map[string]element{}}
	if head, err := l.in.Peek(len(byteOrderMark)); err == nil && bytes.Equal(head, byteOrderMark) {
		l.discard(head)
	}
	return l
}

// text reads up to the next tag, stores it in l.tag and returns the text before it, without leading blanks. The text
// is valid until the next call. In the prologue, outside of all elements, processing instructions are text.
func (l *lexer) text(prologue bool) ([]byte, error) {
	l.value = l.value[:0]
	for {
		chunk, err := l.in.ReadSlice('<')
		body := chunk
		if err == nil {
			body = chunk[:len(chunk)-1]
		}
		if err := l.appendText(body); err != nil {
			return nil, err
		}
		switch {
		case err == nil:
			if found, err := l.markup(prologue); found || err != nil {
				return l.value, err
			}
		case errors.Is(err, io.EOF):
			l.tag = tag{element: element{place: l.place}, shape: tagNone}
			return l.value, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("read ofx: %w", err)
		}
	}
}

// appendText adds to the value, without leading blanks.
func (l *lexer) appendText(text []byte) error {
	if len(l.value) == 0 {
		n := 0
		for n < len(text) && strings.IndexByte(blank, text[n]) >= 0 {
			n++
		}
		l.advance(text[:n])
		text, l.valuePlace = text[n:], l.place
	}
	if len(l.value)+len(text) > statement.MaxValue {
		return statement.Refuse(l.valuePlace, "a value is longer than %d bytes", statement.MaxValue)
	}
	l.advance(text)
	l.value = append(l.value, text...)
	return nil
}

// elementNamed returns the element of a name, in any case.
func (l *lexer) elementNamed(raw []byte) element {
	if e, ok := l.names[string(raw)]; ok {
		return e
	}
	name := string(bytes.ToUpper(raw))
	e := element{name: name, kind: kindOf(name)}
	if len(l.names) < maxNames {
		l.names[string(raw)] = e
	}
	return e
}

// discard skips bytes that were peeked.
func (l *lexer) discard(seen []byte) {
	l.advance(seen)
	_, _ = l.in.Discard(len(seen)) // they are in the buffer
}

func (l *lexer) advance(text []byte) {
	lines := bytes.Count(text, []byte{'\n'})
	if lines == 0 {
		l.place.Column += int64(len(text))
		return
	}
	l.place.Line += int64(lines)
	l.place.Column = int64(len(text) - bytes.LastIndexByte(text, '\n'))
}
