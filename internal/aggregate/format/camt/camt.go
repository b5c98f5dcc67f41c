// Package camt reads ISO 20022 cash management messages: CAMT.052 reports, CAMT.053 statements and CAMT.054
// notifications, of every version, with or without a namespace prefix, alone or in a business envelope. It owns the
// mapping from elements to the fields of package statement; paths.go is that table.
//
// It guarantees that a file of any size is read in bounded memory, that a file that is truncated, wrongly nested or
// beyond the limits of package statement is refused with the place, and that nothing outside the file is read:
// document types and entities are refused. It must not judge the content: amounts and dates that cannot be read are
// passed on as written.
package camt

import (
	"bytes"
	"encoding/xml"
	"io"
	"regexp"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// Read reads a message and reports its content to h. It returns a *statement.Error for an invalid file, and errors of
// r and h unchanged or wrapped. Columns count bytes of UTF-8, whatever the encoding of the file.
func Read(r io.Reader, h statement.Handler) error {
	buffers := scratchPool.Get().(*scratch) //nolint:errcheck // the pool contains nothing else
	defer scratchPool.Put(buffers)
	w := newWalk(&tokenReader{reader: r, buffer: buffers.buffer[:]})
	w.stack = buffers.stack[:0]
	m := &message{out: statement.NewEmitter(h), walk: w}
	w.message = m
	return w.run()
}

// messageElements are the root elements of messages, without the version suffix of the first version.
var messageElements = map[string]struct {
	kind   statement.Kind
	format string
}{
	"BkToCstmrAcctRpt":      {statement.Report, "camt.052"},
	"BkToCstmrStmt":         {statement.Booked, "camt.053"},
	"BkToCstmrDbtCdtNtfctn": {statement.Notification, "camt.054"},
}

// withoutVersion removes the version suffix of a message element: "BkToCstmrStmtV01" becomes "BkToCstmrStmt".
func withoutVersion(name string) string {
	if n := len(name) - 3; n > 0 && name[n] == 'V' && strings.Trim(name[n+1:], "0123456789") == "" {
		return name[:n]
	}
	return name
}

// formatPattern is a message name and version, such as "camt.053.001.08", in a namespace. Some national namespaces have
// a prefix and a suffix.
var formatPattern = regexp.MustCompile(`camt\.05[2-4](\.\d{3}(\.\d{2})?)?`)

// declaredFormat returns the format whose namespace an element declares, or "".
func declaredFormat(attributes []xml.Attr) string {
	for _, a := range attributes {
		if a.Name.Local == "xmlns" || a.Name.Space == "xmlns" {
			if format := formatPattern.FindString(a.Value); format != "" {
				return format
			}
		}
	}
	return ""
}

// Recognise reports whether a file that starts with head is a CAMT message: XML that declares the namespace of one,
// contains one of the message elements, or is an envelope whose header names one. A few kilobytes are enough; head
// may end anywhere.
func Recognise(head []byte) bool {
	root, isXML := firstTag(head)
	if !isXML || bytes.Contains(root, []byte("xmlns")) && formatPattern.Match(root) {
		return isXML
	}
	w := newWalk(&tokenReader{reader: bytes.NewReader(nil), buffer: head, filled: len(head)})
	header := false
	for {
		w.decoded.startToken()
		token, err := w.decoder.RawToken()
		if err != nil {
			return false
		}
		switch t := token.(type) {
		case xml.StartElement:
			if _, known := messageElements[withoutVersion(t.Name.Local)]; known || declaredFormat(t.Attr) != "" {
				return true
			}
			header = t.Name.Local == "MsgDefIdr"
		case xml.CharData:
			if header && formatPattern.Match(t) {
				return true
			}
		}
	}
}

// firstTag returns the first tag of a file if it can be found without decoding; tag is nil if a decoder is needed.
func firstTag(head []byte) (tag []byte, isXML bool) {
	const skipped = "\xef\xbb\xbf\xfe\xff\x00 \t\r\n" // byte order marks, the zeros of UTF-16, white space
	for {
		head = bytes.TrimLeft(head, skipped)
		if len(head) == 0 || head[0] != '<' {
			return nil, isXML
		}
		isXML = true
		end := ">"
		switch {
		case bytes.HasPrefix(head, []byte("<?")):
			end = "?>"
		case bytes.HasPrefix(head, []byte("<!")):
			return nil, true
		}
		tag, rest, complete := bytes.Cut(head, []byte(end))
		switch {
		case !complete:
			return nil, true
		case end == ">":
			return tag, true
		}
		head = rest
	}
}
