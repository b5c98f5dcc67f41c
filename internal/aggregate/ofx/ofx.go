// Package ofx reads OFX and QFX files, SGML (1.x) and XML (2.x) alike, into the vocabulary of package statement. It owns the
// tags, headers, encodings, dates and amounts of the format as banks write them, and reads in one pass and bounded memory:
// one value, one element with its children, and the names of what is open are all it holds. Bank and credit card statements
// become statements; header, sign-on, failures, account lists, investments and securities are told as notices, and so is
// which answers are not read. It must not judge what it reads: dates and amounts that cannot be read stay as written, and an
// entry is told however little it says.
//
// The library for this format, aclindsa/ofxgo 0.1.3, holds the whole document, insists on values that banks leave empty, and
// reads 30 of the 42 files that other readers of the format are tested with; hence this one.
package ofx

import (
	"bytes"
	"io"
	"regexp"

	"bursar/internal/aggregate/statement"
)

// Read tells h what an OFX file states. A *statement.Error says where a file was refused and why: it ends early, exceeds a
// limit of package statement, declares a document type, holds nothing known, or holds only a bank's answer that something
// failed. What was told before an error stands in the file as told.
func Read(r io.Reader, h statement.Handler) error {
	buffer, release := statement.BufferUTF8(r)
	defer release()
	p := &reader{lex: newLexer(buffer), handler: h, format: "ofx"}
	if err := p.read(); err != nil {
		return err
	}
	return p.checkSummary()
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

// Recognise says whether a file that begins with head is OFX: by its header, or by its first element; also as servers send it,
// with the lines of HTTP or MIME before it.
func Recognise(head []byte) bool {
	head = bytes.TrimPrefix(statement.UTF8Head(head), byteOrderMark)
	if at := contentInMail.FindIndex(head); at != nil && mailPattern.Match(head) && !encodedPattern.Match(head[:at[0]]) {
		head = head[at[0]:]
	}
	return headerPattern.Match(head) || rootPattern.Match(head[len(prologuePattern.Find(head)):])
}
