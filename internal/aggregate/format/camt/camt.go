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
	"encoding/xml"
	"io"
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

// formatIn finds the message name and version, such as "camt.053.001.08", in a namespace. Some national namespaces
// have a prefix and a suffix.
func formatIn(namespace string) string {
	const name = "camt.05"
	for {
		i := strings.Index(namespace, name)
		if i < 0 || i+len(name) == len(namespace) {
			return ""
		}
		namespace = namespace[i:]
		if c := namespace[len(name)]; c < '2' || c > '4' {
			namespace = namespace[len(name):]
			continue
		}
		end := len(name) + 1
		if n := dottedNumberLength(namespace[end:], 3); n > 0 {
			end += n
			end += dottedNumberLength(namespace[end:], 2)
		}
		return namespace[:end]
	}
}

// dottedNumberLength returns the length of a dot and that many digits at the start of text; 0 if there are none.
func dottedNumberLength(text string, digits int) int {
	if len(text) <= digits || text[0] != '.' || strings.Trim(text[1:1+digits], "0123456789") != "" {
		return 0
	}
	return 1 + digits
}

// declaredFormat returns the format whose namespace an element declares, or "".
func declaredFormat(attributes []xml.Attr) string {
	for _, a := range attributes {
		if a.Name.Local == "xmlns" || a.Name.Space == "xmlns" {
			if format := formatIn(a.Value); format != "" {
				return format
			}
		}
	}
	return ""
}
