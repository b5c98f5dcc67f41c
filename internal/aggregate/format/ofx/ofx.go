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
