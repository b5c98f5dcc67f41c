// Package camt reads ISO 20022 cash management messages: CAMT.052 reports, CAMT.053 statements and CAMT.054 notifications,
// every version, with any namespace prefix or none, alone or in a business envelope. It owns which element fills which
// field of package statement: paths.go is that table.
//
// It guarantees that a file of any size passes through bounded memory, that a file which is cut, nested wrongly or has a
// value beyond statement's limits is refused with its place, and that nothing outside the file is ever read: document
// types and entities are refused. It must not judge what it reads: amounts and dates that cannot be read are handed on as
// the file has them.
package camt

import (
	"encoding/xml"
	"io"
	"strings"

	"bursar/internal/aggregate/statement"
)

// Read tells a handler what a message states. An error of the file is a *statement.Error; one of r or h is returned as it is,
// or wrapped. Columns count bytes of UTF-8, whatever the file's own encoding.
func Read(r io.Reader, h statement.Handler) error {
	buffers := scratchPool.Get().(*scratch) //nolint:errcheck // there is nothing else in it
	defer scratchPool.Put(buffers)
	w := newWalk(&tokenReader{reader: r, buffer: buffers.buffer[:]})
	w.stack = buffers.stack[:0]
	m := &message{handler: h, walk: w}
	w.message = m
	return w.run()
}

// messageElements are the elements that messages are made of, without the version that the first ones had in their names.
var messageElements = map[string]struct {
	kind   statement.Kind
	format string
}{
	"BkToCstmrAcctRpt":      {statement.Report, "camt.052"},
	"BkToCstmrStmt":         {statement.Booked, "camt.053"},
	"BkToCstmrDbtCdtNtfctn": {statement.Notification, "camt.054"},
}

// withoutVersion is a message element's name as later versions have it: "BkToCstmrStmtV01" is "BkToCstmrStmt".
func withoutVersion(name string) string {
	if n := len(name) - 3; n > 0 && name[n] == 'V' && strings.Trim(name[n+1:], "0123456789") == "" {
		return name[:n]
	}
	return name
}

// formatIn finds a message's name and version in a namespace, which banks' guilds decorate: "camt.053.001.08".
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

// dottedNumberLength is the length of a dot and that many digits at the beginning of a text; 0 where it has none.
func dottedNumberLength(text string, digits int) int {
	if len(text) <= digits || text[0] != '.' || strings.Trim(text[1:1+digits], "0123456789") != "" {
		return 0
	}
	return 1 + digits
}

// declaredFormat is the format whose namespace an element declares; empty where it declares none.
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
