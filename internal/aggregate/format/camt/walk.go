// Walks over the tokens of a file; checks nesting, limits and XML features, and how the file ends.

package camt

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/transform"

	"bursar/internal/aggregate/format/statement"
)

// maxName is the maximum length of an element's name in bytes; names of ISO 20022 have at most 30.
const maxName = 256

type element struct {
	name   xml.Name
	node   *node // nil outside a message, and for elements that are not read
	place  statement.Place
	format string // outside a message: the format that this element or one around it declares
}

// walk reads tokens and calls message for the elements of the table.
type walk struct {
	raw            *tokenReader // the bytes
	decoded        *tokenReader // the text in UTF-8
	encodingKnown  bool         // from the first bytes
	sawDeclaration bool         // an XML declaration has been read
	decoder        *xml.Decoder
	place          statement.Place // of the current token

	stack        []element // elements from depth on are unused
	depth        int
	root         string // name of the root element; "" before it
	messageDepth int    // depth of the open message; 0 if none is open
	value        []byte // text of the open value
	message      *message
}

func newWalk(file *tokenReader) *walk {
	w := &walk{raw: file}
	w.decoded, w.encodingKnown = decodeFile(w.raw)
	w.decoder = xml.NewDecoder(w.decoded)
	w.decoder.CharsetReader = w.charsetReader
	return w
}

// charsetReader is called for an XML declaration with another encoding than UTF-8.
func (w *walk) charsetReader(name string, rest io.Reader) (io.Reader, error) {
	if w.encodingKnown || w.sawDeclaration || w.root != "" {
		return rest, nil
	}
	found, err := encodingByName(name)
	if err != nil || found == nil {
		return rest, err
	}
	w.decoded = newTokenReader(transform.NewReader(rest, found.NewDecoder()))
	return w.decoded, nil
}

func (w *walk) run() error {
	for w.message.out.Err == nil {
		w.decoded.startToken()
		line, column := w.decoder.InputPos()
		w.place = statement.Place{Line: int64(line), Column: int64(column)}
		token, err := w.decoder.RawToken()
		if err != nil {
			w.finish(err)
			break
		}
		switch t := token.(type) {
		case xml.StartElement:
			w.start(&t)
		case xml.EndElement:
			w.end(t.Name)
		case xml.CharData:
			w.characters(t)
		case xml.ProcInst:
			w.instruction(t.Target)
		case xml.Directive:
			w.fail(w.refuse("a document type or entity is declared").Advise("bank messages do not need one; ask for the file without it"))
		}
	}
	return w.message.out.Err
}

func (w *walk) start(t *xml.StartElement) {
	switch {
	case w.depth == 0 && w.root != "":
		w.fail(w.refuse("<%s> begins after the end of <%s>", shorten(t.Name.Local), w.root).Advise("a file contains one message"))
	case w.depth == statement.MaxDepth:
		w.fail(w.refuse("elements are nested more than %d deep", statement.MaxDepth))
	case len(t.Name.Local)+len(t.Name.Space) > maxName:
		w.fail(w.refuse("an element's name is longer than %d bytes", maxName))
	case t.Name.Local == "include" && t.Name.Space != "":
		w.fail(w.refuse("<%s:include> refers to content outside the file", shorten(t.Name.Space)).Advise("ask for the whole file"))
	}
	if w.depth == len(w.stack) {
		w.stack = append(w.stack, element{})
	}
	opened := &w.stack[w.depth]
	opened.name, opened.node, opened.place, opened.format = t.Name, nil, w.place, ""
	w.value = w.value[:0]
	w.depth++
	if w.messageDepth == 0 {
		w.startOutside(t, opened)
	} else if parent := w.stack[w.depth-2].node; parent != nil {
		if parent.keepsText() && parent.children == nil {
			w.fail(w.refuse("<%s> is within <%s>, which contains only a value", shorten(t.Name.Local), parent.name))
		}
		opened.node = parent.children[t.Name.Local]
	}
	if opened.node != nil {
		w.message.start(opened.node, t.Attr)
	}
}

func (w *walk) startOutside(t *xml.StartElement, opened *element) {
	if w.depth == 1 {
		w.root = t.Name.Local
	} else {
		opened.format = w.stack[w.depth-2].format
	}
	opened.format = cmp.Or(declaredFormat(t.Attr), opened.format)
	found, known := messageElements[withoutVersion(t.Name.Local)]
	if !known {
		return
	}
	opened.format = cmp.Or(opened.format, found.format)
	w.messageDepth, opened.node = w.depth, messageTree
	m := w.message
	m.kind, m.format, m.foundMessage, m.fields, m.statementsInMessage = found.kind, opened.format, true, fields{}, 0
}

func (w *walk) end(name xml.Name) {
	if w.depth == 0 {
		w.fail(w.refuse("</%s> does not close an open element", shorten(name.Local)))
		return
	}
	closing := &w.stack[w.depth-1]
	if closing.name != name {
		w.fail(w.refuse("</%s> closes <%s>, which begins at %s", shorten(name.Local), closing.name.Local, closing.place))
	}
	if closing.node != nil {
		w.message.end(closing.node, bytes.TrimSpace(w.value))
	}
	w.value = w.value[:0]
	if w.depth == w.messageDepth {
		w.messageDepth = 0
	}
	w.depth--
}

// characters stores the text of values and ignores other text.
func (w *walk) characters(data []byte) {
	if w.depth == 0 {
		if len(bytes.TrimSpace(data)) > 0 {
			w.fail(w.refuse("there is text outside of all elements").Advise("a message is XML from its first to its last byte"))
		}
		return
	}
	if current := w.stack[w.depth-1].node; current == nil || !current.keepsText() {
		return
	}
	if len(w.value)+len(data) > statement.MaxValue {
		w.refuseLong()
		return
	}
	w.value = append(w.value, data...)
}

// instruction refuses a second XML declaration, because it would change the encoding.
func (w *walk) instruction(target string) {
	if target != "xml" {
		return
	}
	if w.sawDeclaration || w.root != "" {
		w.fail(w.refuse("the file contains a second XML declaration").Advise("a file contains one message"))
	}
	w.sawDeclaration = true
}

// finish ends the read with the decoder's last error.
func (w *walk) finish(err error) {
	var syntax *xml.SyntaxError
	broken := errors.As(err, &syntax)
	cut := errors.Is(err, io.EOF) || broken && strings.HasPrefix(syntax.Msg, "unexpected EOF")
	switch {
	case errors.Is(err, errTokenTooLong):
		w.refuseLong()
	case w.raw.err != nil && !errors.Is(w.raw.err, io.EOF) && errors.Is(err, w.raw.err):
		w.fail(fmt.Errorf("read the file: %w", err))
	case cut && w.depth > 0:
		inner := w.stack[w.depth-1]
		w.fail(w.refuse("the file ends within <%s>, which begins at %s", inner.name.Local, inner.place).Advise("ask for the whole file"))
	case cut && w.root == "":
		w.fail(w.refuse("the file contains no XML element").Advise("a message is XML from its first to its last byte"))
	case errors.Is(err, io.EOF):
		w.message.finish()
	case broken:
		line, column := w.decoder.InputPos()
		w.place = statement.Place{Line: int64(line), Column: max(1, int64(column))}
		refused := w.refuse("this is not valid XML: %s", syntax.Msg)
		if syntax.Msg == "invalid UTF-8" {
			refused = refused.Advise("the file is in another encoding than it declares, or declares none")
		}
		w.fail(refused)
	default:
		w.fail(w.refuse("the XML cannot be read: %s", strings.TrimPrefix(err.Error(), "xml: ")))
	}
}

func (w *walk) refuseLong() {
	if w.depth == 0 {
		w.fail(w.refuse("a value or a tag has more than %d bytes", statement.MaxValue))
		return
	}
	inner := w.stack[w.depth-1]
	w.place = inner.place
	w.fail(w.refuse("a value or a tag of <%s> has more than %d bytes", inner.name.Local, statement.MaxValue))
}

func (w *walk) refuse(format string, args ...any) *statement.Error {
	return statement.Refuse(w.place, format, args...)
}

func (w *walk) fail(err error) { w.message.out.Fail(err) }

// shorten limits a name from the file, so that it does not fill the error.
func shorten(name string) string {
	const maxLength = 40
	return name[:min(len(name), maxLength)]
}
