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

// markup parses what follows a '<': a tag, which ends the text; a part of the text; or a comment.
func (l *lexer) markup(prologue bool) (tagFound bool, err error) {
	place := l.place
	head, err := l.in.Peek(maxTag)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read ofx: %w", err)
	}
	if name, form, length := cutTag(head); length > 0 {
		l.tag = tag{element: l.elementNamed(name), shape: form}
		l.tag.place = place
		l.place.Column++
		l.discard(head[:length])
		return true, nil
	}
	switch {
	case bytes.HasPrefix(head, []byte("!--")):
		return false, l.readEnclosed("!--", "-->", place)
	case bytes.HasPrefix(head, []byte("![CDATA[")):
		return false, l.readEnclosed("![CDATA[", "]]>", place)
	case hasPrefixFold(head, "!DOCTYPE"), hasPrefixFold(head, "!ENTITY"):
		return false, statement.Refuse(place, "a document type or entity is declared").
			Advise("remove everything before <OFX>")
	case prologue && bytes.HasPrefix(head, []byte("?")):
		return false, l.readEnclosed("?", "?>", place)
	}
	return false, l.appendText([]byte("<"))
}

func hasPrefixFold(head []byte, word string) bool {
	return len(head) >= len(word) && bytes.EqualFold(head[:len(word)], []byte(word))
}

// cutTag parses a tag after its '<'. The length is 0 if it is not a tag: it has no name, an attribute without a
// value, or another '<' before its end.
func cutTag(head []byte) (name []byte, form tagForm, length int) {
	i := 0
	if len(head) > 0 && head[0] == '/' {
		form, i = tagEnd, 1
	}
	from := i
	for i < len(head) && i-from <= maxName && isNameByte(head[i], i == from) {
		i++
	}
	name = head[from:i]
	if len(name) == 0 || len(name) > maxName {
		return nil, form, 0
	}
	if name = name[bytes.LastIndexByte(name, ':')+1:]; len(name) == 0 {
		return nil, form, 0
	}
	if i < len(head) && head[i] == '>' {
		return name, form, i + 1
	}
	end := bytes.IndexAny(head[i:], "<>")
	if end < 0 || head[i+end] == '<' {
		return nil, form, 0
	}
	rest := bytes.Trim(head[i:i+end], blank)
	if closed, ok := bytes.CutSuffix(rest, []byte("/")); ok && form == tagStart {
		rest, form = closed, tagEmpty
	}
	if len(rest) > 0 && (form == tagEnd || !bytes.ContainsRune(rest, '=')) {
		return nil, form, 0
	}
	return name, form, i + end + 1
}

func isNameByte(b byte, first bool) bool {
	if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' {
		return true
	}
	return !first && (b >= '0' && b <= '9' || b == '.' || b == '_' || b == '-' || b == ':')
}

// readEnclosed reads up to an end mark: a comment, which is dropped, or text without entities.
func (l *lexer) readEnclosed(mark, end string, place statement.Place) error {
	l.place.Column++
	l.discard([]byte(mark))
	start, comment := len(l.value), mark == "!--"
	for {
		chunk, err := l.in.ReadSlice('>')
		switch {
		case errors.Is(err, io.EOF):
			return statement.Refuse(place, "the file ends within <%s", mark)
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("read ofx: %w", err)
		case len(l.value)+len(chunk) > statement.MaxValue+statement.Window:
			return statement.Refuse(place, "a value is longer than %d bytes", statement.MaxValue)
		}
		l.advance(chunk)
		l.value = append(l.value, chunk...)
		if bytes.HasSuffix(l.value[start:], []byte(end)) {
			return l.finishEnclosed(start, end, comment)
		}
		if comment { // only the part that may begin the end mark is kept
			l.value = append(l.value[:start], l.value[max(start, len(l.value)-len(end)):]...)
		}
	}
}

// finishEnclosed removes the end mark, and escapes each '&' so that it is not read as an entity.
func (l *lexer) finishEnclosed(start int, end string, comment bool) error {
	if comment {
		l.value = l.value[:start]
		return nil
	}
	l.value = l.value[:len(l.value)-len(end)]
	if bytes.IndexByte(l.value[start:], '&') >= 0 {
		l.value = append(l.value[:start], bytes.ReplaceAll(l.value[start:], []byte("&"), []byte("&amp;"))...)
	}
	if end == "?>" {
		l.value = append(l.value, ' ')
	}
	return nil
}
