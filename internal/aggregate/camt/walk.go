// The walk over a file's tokens: nesting, limits, and what XML may do in a bank's file.

package camt

import (
	"bytes"
	"encoding/xml"
	"io"

	"golang.org/x/text/transform"

	"bursar/internal/aggregate/statement"
)

// maxName is how many bytes an element's name may have; ISO 20022's have at most 30.
const maxName = 256

// element is an open element.
type element struct {
	name   xml.Name
	node   *node // what is known of it; nil outside a message, and where nothing is read
	place  statement.Place
	format string // outside a message: what its namespace, or that of an element around it, declares
}

// walk reads tokens, and leads the message along the table's paths.
type walk struct {
	file     *source // the bytes
	source   *source // the text
	certain  bool    // of its encoding
	declared bool    // the XML declaration has been read
	decoder  *xml.Decoder
	place    statement.Place // of the token at hand

	open    []element // those beyond depth are closed
	depth   int
	root    string // the root's name; empty before it
	within  int    // the depth of the message that is being read; 0 is none
	text    []byte // of the value that is being read
	message *message
}

func newWalk(file *source) *walk {
	w := &walk{file: file}
	w.source, w.certain = text(w.file)
	w.decoder = xml.NewDecoder(w.source)
	w.decoder.CharsetReader = w.charset
	return w
}

// charset answers an XML declaration that names another encoding than UTF-8.
func (w *walk) charset(name string, rest io.Reader) (io.Reader, error) {
	if w.certain || w.declared || w.root != "" {
		return rest, nil
	}
	found, err := encodingNamed(name)
	if err != nil || found == nil {
		return rest, err
	}
	w.source = newSource(transform.NewReader(rest, found.NewDecoder()))
	return w.source, nil
}

// run reads the file to its end.
func (w *walk) run() error {
	for {
		w.source.renew()
		line, column := w.decoder.InputPos()
		w.place = statement.Place{Line: int64(line), Column: int64(column)}
		token, err := w.decoder.RawToken()
		if err != nil {
			return w.finish(err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			err = w.start(&t)
		case xml.EndElement:
			err = w.end(t.Name)
		case xml.CharData:
			err = w.characters(t)
		case xml.ProcInst:
			err = w.instruction(t.Target)
		case xml.Directive:
			err = w.refuse("a document type or entity is declared").
				Advise("no bank's message needs one; ask for the file without it")
		}
		if err != nil {
			return err
		}
	}
}

// start opens an element.
func (w *walk) start(t *xml.StartElement) error {
	switch {
	case w.depth == 0 && w.root != "":
		return w.refuse("<%s> begins after the end of <%s>", short(t.Name.Local), w.root).Advise("one file holds one message")
	case w.depth == statement.MaxDepth:
		return w.refuse("elements are nested more than %d deep", statement.MaxDepth)
	case len(t.Name.Local)+len(t.Name.Space) > maxName:
		return w.refuse("an element's name is longer than %d bytes", maxName)
	case t.Name.Local == "include" && t.Name.Space != "":
		return w.refuse("<%s:include> stands for what is not in the file", short(t.Name.Space)).Advise("ask for the whole file")
	}
	if w.depth == len(w.open) {
		w.open = append(w.open, element{})
	}
	opened := &w.open[w.depth]
	opened.name, opened.node, opened.place, opened.format = t.Name, nil, w.place, ""
	w.text = w.text[:0]
	w.depth++
	if w.within == 0 {
		w.outside(t, opened)
	} else if around := w.open[w.depth-2].node; around != nil {
		if around.value() {
			return w.refuse("<%s> is within <%s>, which is a value", short(t.Name.Local), around.name)
		}
		opened.node = around.children[t.Name.Local]
	}
	if opened.node == nil {
		return nil
	}
	return w.message.start(opened.node, t.Attr)
}

// outside looks for a message in what stands around it.
func (w *walk) outside(t *xml.StartElement, opened *element) {
	if w.depth == 1 {
		w.root = t.Name.Local
	} else {
		opened.format = w.open[w.depth-2].format
	}
	if format := declared(t.Attr); format != "" {
		opened.format = format
	}
	found, known := kinds[unversioned(t.Name.Local)]
	if !known {
		return
	}
	if opened.format == "" {
		opened.format = found.format
	}
	w.within, opened.node = w.depth, paths
	w.message.open(found.kind, opened.format)
}

// end closes an element.
func (w *walk) end(name xml.Name) error {
	if w.depth == 0 {
		return w.refuse("</%s> closes nothing", short(name.Local))
	}
	closing := &w.open[w.depth-1]
	if closing.name != name {
		return w.refuse("</%s> closes <%s> of %s", short(name.Local), closing.name.Local, closing.place)
	}
	if closing.node != nil {
		if err := w.message.end(closing.node, bytes.TrimSpace(w.text)); err != nil {
			return err
		}
	}
	w.text = w.text[:0]
	if w.depth == w.within {
		w.within = 0
	}
	w.depth--
	return nil
}

// characters takes in text: only that of values is kept.
func (w *walk) characters(data []byte) error {
	if w.depth == 0 {
		if len(bytes.TrimSpace(data)) > 0 {
			return w.refuse("text stands outside of all elements").Advise("a message is XML from its first to its last byte")
		}
		return nil
	}
	if at := w.open[w.depth-1].node; at == nil || !at.takes() {
		return nil
	}
	if len(w.text)+len(data) > statement.MaxValue {
		return w.long()
	}
	w.text = append(w.text, data...)
	return nil
}

// instruction lets all pass but an XML declaration within the file, which would change its encoding.
func (w *walk) instruction(target string) error {
	if target != "xml" {
		return nil
	}
	if w.declared || w.root != "" {
		return w.refuse("a second XML declaration").Advise("one file holds one message")
	}
	w.declared = true
	return nil
}
