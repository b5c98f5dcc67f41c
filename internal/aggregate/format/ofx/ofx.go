// Package ofx reads OFX and QFX files, both SGML (1.x) and XML (2.x), into the types of package statement. It owns
// the tags, headers, encodings, dates and amounts of the format as banks write them. It reads in one pass and in
// bounded memory: one value, one element with its children, and the names of the open elements. Bank and credit card
// statements become statements; header, sign-on, failures, account lists, investments and securities become notices,
// and so do responses that are not read. The package must not judge the content: dates and amounts that cannot be
// read are passed on as written, and an incomplete entry is reported, too.
//
// The library for this format, aclindsa/ofxgo 0.1.3, loads the whole document, requires values that banks leave
// empty, and reads only 30 of the 42 files with which other readers of the format are tested; therefore it is not
// used.
package ofx

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// Read reads a file and reports its content to h. It returns a *statement.Error if the file ends early, exceeds a
// limit of package statement, declares a document type, has no known content, or contains only a bank's response that
// reports a failure. What was reported before an error is in the file as reported.
func Read(r io.Reader, h statement.Handler) error {
	buffer, release := statement.BufferUTF8(r)
	defer release()
	p := &reader{lex: newLexer(buffer), out: statement.NewEmitter(h), format: "ofx"}
	p.read()
	p.checkSummary()
	return p.out.Err
}

var (
	byteOrderMark   = []byte("\ufeff")
	version         = regexp.MustCompile(`^[0-9]{3}$`) // 102 is 1.0.2; that of XML, which is "1.0", is not a version of the format
	headerPattern   = regexp.MustCompile(`(?i)^\s*((DATA|VERSION|SECURITY|ENCODING|CHARSET|COMPRESSION|OLDFILEUID|NEWFILEUID)\s*:\s*\S+\s+)*(OFXHEADER\s*:|DATA\s*:\s*OFXSGML|<OFX[\s>])`)
	mailPattern     = regexp.MustCompile(`(?i)^(HTTP/|MIME-Version:|Content-|--\S)`)
	encodedPattern  = regexp.MustCompile(`(?i)\nContent-Transfer-Encoding:\s*(quoted-printable|base64)`)
	contentInMail   = regexp.MustCompile(`(?i)\n(OFXHEADER\s*:|<\?xml\s|<\?OFX\s|<OFX[\s>])`)
	prologuePattern = regexp.MustCompile(`(?is)^(\s|<\?xml.*?\?>|<!--.*?-->)*`)
	rootPattern     = regexp.MustCompile(`(?i)^(<\?OFX\s|<!DOCTYPE\s+OFX\b|<(\w+:)?(OFX|(\w+MSGSRSV1)|(CC|INV)?STMT(TRN)?RS)[\s>])`)
)

// Recognise reports whether a file that starts with head is OFX, by its header or its first element. Lines of HTTP or
// MIME before it, as servers send them, are allowed.
func Recognise(head []byte) bool {
	head = bytes.TrimPrefix(statement.UTF8Head(head), byteOrderMark)
	if at := contentInMail.FindIndex(head); at != nil && mailPattern.Match(head) && !encodedPattern.Match(head[:at[0]]) {
		head = head[at[0]:]
	}
	return headerPattern.Match(head) || rootPattern.Match(head[len(prologuePattern.Find(head)):])
}

// reader keeps the open elements, and handles each record when it is complete.
type reader struct {
	lex    *lexer
	values valueDecoder
	out    statement.Emitter
	format string

	response *Response // of ReadResponse; nil in Read

	open      []element // the outermost first
	lastValue string    // name of the last value, until the next tag
	record    record    // the open one

	current        statementState
	responseUnread bool // the open response is reported as not read
	summary        fileSummary
	notice         statement.Notice
	currentEntry   statement.Entry
}

func (p *reader) read() {
	raw := p.text(true)
	p.header(p.lex.valuePlace, raw)
	for p.out.Err == nil && p.lex.tag.shape != tagNone {
		if t := p.lex.tag; t.shape == tagEnd {
			p.end(t)
		} else {
			p.start(t)
		}
	}
	for i := len(p.open) - 1; i >= 0; i-- {
		if e := &p.open[i]; e.kind.rank != none {
			p.out.Fail(statement.Refuse(p.lex.place, "the file ends within the <%s> that begins at %s", e.name, e.place).Advise("fetch the file again"))
		}
	}
}

// text returns the text up to the next tag, as lexer.text does.
func (p *reader) text(prologue bool) []byte {
	raw, err := p.lex.text(prologue)
	p.out.Fail(err)
	return raw
}

// header handles text outside of all elements.
func (p *reader) header(place statement.Place, raw []byte) {
	if len(raw) == 0 {
		return
	}
	fields := headerFields(p.values.text(raw))
	for _, f := range fields {
		switch f.Name {
		case "VERSION":
			if version.MatchString(f.Value) {
				p.format = "ofx " + f.Value[:1] + "." + f.Value[1:2] + "." + f.Value[2:]
			}
		case "CHARSET", "ENCODING":
			p.values.setCharset(f.Value)
		}
	}
	if len(fields) > 0 {
		p.notice = statement.Notice{Place: place, What: "header", Fields: fields}
		p.out.Notice(&p.notice)
	}
}

// start reads a start tag and the text after it. With text it is a value, whether closed or not. Without text it
// contains elements or is an empty value: a known name decides, and otherwise an end tag, if there is one.
func (p *reader) start(t tag) {
	p.lastValue = ""
	if !p.isKnownHere(&t.element) {
		t.kind = kind{}
	}
	if t.kind.rank != none { // which closes the elements that cannot contain it
		if i := slices.IndexFunc(p.open, func(e element) bool { return e.kind.rank >= t.kind.rank }); i >= 0 {
			p.pop(i)
		}
	}
	raw := p.text(false)
	if t.kind.rank == none {
		if value := p.values.text(raw); value != "" || t.shape == tagEmpty {
			p.lastValue = t.name
			p.value(&t.element, value)
			return
		}
	}
	p.push(t.element)
	if t.shape == tagEmpty && p.out.Err == nil {
		p.pop(len(p.open) - 1)
	}
}

// isKnownHere reports whether an element has the meaning of its name at its place. Banks put proprietary values into
// entries, under names that are known elsewhere.
func (p *reader) isKnownHere(e *element) bool {
	if e.kind.rank < group {
		return true
	}
	if p.record.active() && strings.HasPrefix(p.record.nodes[0].name, "STMTTRN") {
		return strings.HasPrefix(e.name, "STMTTRN")
	}
	for i := len(p.open) - 1; i >= 0 && e.kind.onlyIn != ""; i-- {
		if r := p.open[i].kind.rank; r != none && r <= list {
			return p.open[i].name == e.kind.onlyIn
		}
	}
	return true
}

// end closes the element of that name and everything open inside it. An end tag of a value, or of an unknown element
// that is not open, is ignored. If a known element has no start tag, the file is refused, because its values would be
// read as another element's.
func (p *reader) end(t tag) {
	if p.lastValue != t.name {
		i := p.findOpen(t.name, t.kind.rank)
		if i < 0 && !p.mayEndOther(t.kind.rank) {
			p.out.Fail(statement.Refuse(t.place, "</%s> does not close an open element", t.name).Advise("fetch the file again"))
		}
		if i >= 0 {
			if p.record.active() && p.open[i].kind.rank == none {
				p.record.setParent(p.open[i].node)
			}
			p.record.ended = p.open[i].kind.emit != nil && p.open[i].node == 0
			p.pop(i)
		}
	}
	p.lastValue = ""
	outside := len(p.open) == 0
	if raw := p.text(outside); outside {
		p.header(p.lex.valuePlace, raw)
	}
}

// mayEndOther reports whether an end tag without a start tag may end another element of its rank: a card statement
// ended as one of an account, or a list that the next one has ended.
func (p *reader) mayEndOther(r rank) bool {
	switch r {
	case none:
		return true
	case list:
		return p.current.listed
	case group, item:
		return false
	}
	return slices.ContainsFunc(p.open, func(e element) bool { return e.kind.rank == r })
}

// findOpen returns the index of the open element of that name; -1 if there is none, or if an unknown name would close
// a known element.
func (p *reader) findOpen(name string, rank rank) int {
	for i := len(p.open) - 1; i >= 0; i-- {
		if p.open[i].name == name {
			return i
		}
		if rank == none && p.open[i].kind.rank != none {
			break
		}
	}
	return -1
}

func (p *reader) push(e element) {
	if len(p.open) == statement.MaxDepth {
		p.out.Fail(statement.Refuse(e.place, "elements are nested more than %d deep", statement.MaxDepth))
		return
	}
	if e.kind.emit != nil || p.record.active() {
		node, err := p.record.add(&e, "", p.parentNode())
		if err != nil {
			p.out.Fail(err)
			return
		}
		e.node = node
	}
	p.open = append(p.open, e)
	switch e.kind.rank {
	case response:
		p.current.transactionUID = ""
		if p.responseUnread = !isOneOf(readResponses, e.name); p.responseUnread {
			p.emitNotice(e.place, "not read", field("element", e.name))
		}
	case report:
		p.enterStatement(&e)
	case list:
		p.current.listed = true
	}
}

func (p *reader) value(e *element, text string) {
	if p.record.active() {
		_, err := p.record.add(e, text, p.parentNode())
		p.out.Fail(err)
		return
	}
	p.current.setValue(e.name, text)
}

// parentNode returns the node that contains what comes next: that of the innermost known element, because the unknown
// ones may be values.
func (p *reader) parentNode() int {
	if !p.record.active() {
		return -1
	}
	for i := len(p.open) - 1; i >= 0; i-- {
		if p.open[i].kind.rank != none {
			return p.open[i].node
		}
	}
	return -1
}

// pop closes all elements from the i-th on, the innermost first, and handles those that are complete.
func (p *reader) pop(i int) {
	for len(p.open) > i {
		e := p.open[len(p.open)-1]
		p.open = p.open[:len(p.open)-1]
		switch {
		case e.kind.emit != nil && e.node == 0:
			e.kind.emit(p)
			p.record.reset()
		case e.kind.rank == report:
			p.beginStatement()
			bank := p.current.isBank()
			p.current.element = ""
			if bank {
				p.out.End()
				p.current.foreign.emit(&p.out, p.current.Statement)
			}
		}
	}
}
