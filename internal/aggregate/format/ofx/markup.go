// Parses what a '<' begins: tags, comments, CDATA and processing instructions.

package ofx

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"bursar/internal/aggregate/format/statement"
)

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
