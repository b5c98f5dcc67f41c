// A row of the file and its defects.

package csvfile

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// row is one record of the file.
type row struct {
	place  statement.Place
	fields []string
	defect string // why it cannot be read: its fields do not match the header, or it names no account; "" if it can be read
	column string // of a defective row: the column of the stream entries that has no value, if it is one
	start  string // of a defective row: its first bytes
}

// cell returns a field without the blanks around it; "" for a column that does not exist.
func (r row) cell(column int) string {
	if column < 0 || column >= len(r.fields) {
		return ""
	}
	return strings.TrimSpace(toUTF8(r.fields[column]))
}

// isBlank reports whether a row contains only delimiters.
func (r row) isBlank() bool {
	for _, field := range r.fields {
		if strings.TrimSpace(field) != "" {
			return false
		}
	}
	return len(r.fields) > 0
}

// cell returns a field of a row; "" for a placeholder.
func (t *table) cell(r row, column int) string {
	text := r.cell(column)
	if text != "" && slices.Contains(t.mapping.Notation.Placeholder, text) {
		return ""
	}
	return text
}

// checkNamed makes a row defective that states no account or currency.
func (t *table) checkNamed(r *row) {
	switch c := &t.columns; {
	case r.defect != "":
	case c.account >= 0 && t.cell(*r, c.account) == "":
		r.defect, r.column = "names no account", "account"
	case c.currency >= 0 && t.cell(*r, c.currency) == "":
		r.defect, r.column = "names no currency", "currency"
	}
	if r.defect != "" && r.start == "" {
		r.start = strings.Join(r.fields, string(t.csv.Comma))
		r.start = strings.ToValidUTF8(toUTF8(r.start[:min(len(r.start), maxRaw)]), "")
	}
}

// fieldDefect returns why a row cannot be read: it must have the header's fields, and only empty ones after them.
func (t *table) fieldDefect(r row) string {
	switch {
	case len(r.fields) < t.minFields, len(r.fields) > t.width && strings.Join(r.fields[t.width:], "") != "":
		return fmt.Sprintf("has %d fields, and the header %d", len(r.fields), t.width)
	case t.mapping.Header == nil && r.cell(t.columns.booked) == t.mapping.Columns.Booked:
		return "is the header line again"
	}
	return ""
}

// trimLine returns the first line of a row, in UTF-8.
func trimLine(raw []byte) string {
	raw = bytes.TrimLeft(raw, "\r\n")
	if i := bytes.IndexByte(raw, '\n'); i >= 0 {
		raw = raw[:i]
	}
	return strings.TrimSpace(toUTF8(string(raw)))
}
