// Tags, and the text between them.

package ofx

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"bursar/internal/aggregate/statement"
)

const (
	maxName  = 64      // bytes of an element's name; longer ones are text
	maxTag   = 2048    // bytes of a tag with its attributes; longer ones are text
	maxNames = 1 << 12 // different names kept
	window   = 64 << 10
	blank    = " \t\r\n"
)

type shape uint8

const (
	tagStart shape = iota
	tagEmpty       // <NAME/>
	tagEnd
	tagNone // the end of the file
)

type tag struct {
	element
	shape shape
}

// lexer cuts a file into tags and text. It forgives what banks write: a '<' that begins no tag is text.
type lexer struct {
	in    *bufio.Reader
	at    statement.Place // of the next byte
	tag   tag             // the one that ended the last text
	value []byte
	from  statement.Place // of the value
	names map[string]element
}

func newLexer(r io.Reader) *lexer {
	l := &lexer{in: bufio.NewReaderSize(r, window), at: statement.Place{Line: 1, Column: 1}, names: map[string]element{}}
	if head, err := l.in.Peek(len(byteOrder)); err == nil && bytes.Equal(head, byteOrder) {
		l.discard(head)
	}
	return l
}

// text reads up to the next tag, which is then in l.tag, and returns what stands before it without the blanks at its
// beginning; it is good until the next call. In the prologue, outside of all elements, processing instructions are text.
func (l *lexer) text(prologue bool) ([]byte, error) {
	l.value = l.value[:0]
	for {
		chunk, err := l.in.ReadSlice('<')
		body := chunk
		if err == nil {
			body = chunk[:len(chunk)-1]
		}
		if err := l.keep(body); err != nil {
			return nil, err
		}
		switch {
		case err == nil:
			if found, err := l.markup(prologue); found || err != nil {
				return l.value, err
			}
		case errors.Is(err, io.EOF):
			l.tag = tag{element: element{place: l.at}, shape: tagNone}
			return l.value, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("read ofx: %w", err)
		}
	}
}

// keep adds to the value, unless it is only the blanks before it.
func (l *lexer) keep(text []byte) error {
	if len(l.value) == 0 {
		rest := bytes.TrimLeft(text, blank)
		l.advance(text[:len(text)-len(rest)])
		text, l.from = rest, l.at
	}
	if len(l.value)+len(text) > statement.MaxValue {
		return statement.Refuse(l.from, "a value of more than %d bytes", statement.MaxValue)
	}
	l.advance(text)
	l.value = append(l.value, text...)
	return nil
}

// markup reads what follows a '<': a tag, which ends the text, or something that is part of it or of nothing.
func (l *lexer) markup(prologue bool) (tagFound bool, err error) {
	place := l.at
	head, err := l.in.Peek(maxTag)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read ofx: %w", err)
	}
	if name, form, length := cutTag(head); length > 0 {
		l.tag = tag{element: l.named(name), shape: form}
		l.tag.place = place
		l.at.Column++
		l.discard(head[:length])
		return true, nil
	}
	switch {
	case bytes.HasPrefix(head, []byte("!--")):
		return false, l.enclosed("!--", "-->", place)
	case bytes.HasPrefix(head, []byte("![CDATA[")):
		return false, l.enclosed("![CDATA[", "]]>", place)
	case begins(head, "!DOCTYPE"), begins(head, "!ENTITY"):
		return false, statement.Refuse(place, "declarations of document types and entities are not read").
			Advise("remove everything before <OFX>")
	case prologue && bytes.HasPrefix(head, []byte("?")):
		return false, l.enclosed("?", "?>", place)
	}
	return false, l.keep([]byte("<"))
}

func begins(head []byte, word string) bool {
	return len(head) >= len(word) && bytes.EqualFold(head[:len(word)], []byte(word))
}

// cutTag takes a tag apart whose '<' has been read. Its length is 0 where it is none: no name, an attribute without a
// value, another '<' before its end.
func cutTag(head []byte) (name []byte, form shape, length int) {
	i := 0
	if len(head) > 0 && head[0] == '/' {
		form, i = tagEnd, 1
	}
	from := i
	for i < len(head) && i-from <= maxName && nameByte(head[i], i == from) {
		i++
	}
	name = head[from:i]
	if len(name) == 0 || len(name) > maxName {
		return nil, form, 0
	}
	name = name[bytes.LastIndexByte(name, ':')+1:]
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

func nameByte(b byte, first bool) bool {
	if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' {
		return true
	}
	return !first && (b >= '0' && b <= '9' || b == '.' || b == '_' || b == '-' || b == ':')
}

// enclosed reads what an opening mark begins up to its end: a comment, which is dropped, or text without entities.
func (l *lexer) enclosed(mark, end string, place statement.Place) error {
	l.at.Column++
	l.discard([]byte(mark))
	start, comment := len(l.value), mark == "!--"
	for {
		chunk, err := l.in.ReadSlice('>')
		switch {
		case errors.Is(err, io.EOF):
			return statement.Refuse(place, "the file ends within <%s", mark)
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("read ofx: %w", err)
		case len(l.value)+len(chunk) > statement.MaxValue+window:
			return statement.Refuse(place, "a value of more than %d bytes", statement.MaxValue)
		}
		l.advance(chunk)
		l.value = append(l.value, chunk...)
		if bytes.HasSuffix(l.value[start:], []byte(end)) {
			return l.enclose(start, end, comment)
		}
		if comment { // what may begin its end is all that matters
			l.value = append(l.value[:start], l.value[max(start, len(l.value)-len(end)):]...)
		}
	}
}

// enclose cuts the end off and guards a '&' from being read as an entity.
func (l *lexer) enclose(start int, end string, comment bool) error {
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

// named is an element of that name, whose letters' case does not matter.
func (l *lexer) named(raw []byte) element {
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

// discard skips bytes that have been looked at.
func (l *lexer) discard(seen []byte) {
	l.advance(seen)
	_, _ = l.in.Discard(len(seen)) // they are in the buffer
}

func (l *lexer) advance(text []byte) {
	lines := bytes.Count(text, []byte{'\n'})
	if lines == 0 {
		l.at.Column += int64(len(text))
		return
	}
	l.at.Line += int64(lines)
	l.at.Column = int64(len(text) - bytes.LastIndexByte(text, '\n'))
}
