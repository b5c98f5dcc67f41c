// Rows of the built-in streams, as the JSON lines that intake reads.

package rows

import (
	"encoding/hex"
	"strconv"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/identity"
	"bursar/internal/column"
	"bursar/internal/event"
)

// Row is a JSON line that is being written. Values that a file does not state are omitted.
type Row []byte

// Begin begins a row.
func (r *Row) Begin() { *r = append((*r)[:0], '{') }

// next separates a column from the previous one.
func (r *Row) next() {
	if n := len(*r); n > 0 && (*r)[n-1] != '{' {
		*r = append(*r, ',')
	}
}

// columns appends columns that are already written.
func (r *Row) columns(written Row) {
	r.next()
	*r = append(*r, written...)
}

func (r *Row) name(name string) {
	r.next()
	*r = append(append(append(*r, '"'), name...), '"', ':')
}

// Text writes a required text, empty or not.
func (r *Row) Text(name, value string) {
	r.name(name)
	*r = column.AppendJSON(*r, value)
}

// Stated writes a text unless it is empty; intake rejects a row that lacks a required column.
func (r *Row) Stated(name, value string) {
	if value != "" {
		r.Text(name, value)
	}
}

// Digest writes an id.
func (r *Row) Digest(name string, d identity.Digest) {
	r.name(name)
	*r = append(hex.AppendEncode(append(*r, '"'), d[:]), '"')
}

func (r *Row) place(name string, at statement.Place) {
	r.name(name)
	*r = append(at.Append(append(*r, '"')), '"')
}

func (r *Row) count(name string, n int64) {
	r.name(name)
	*r = strconv.AppendInt(*r, n, 10)
}

func (r *Row) flag(name string, set bool) {
	r.name(name)
	*r = strconv.AppendBool(*r, set)
}

// refused writes a reason for which intake rejects the row; quarantine shows it.
func (r *Row) refused(why *statement.Refusal) {
	r.name(event.RefusedProperty)
	*r = append(*r, '{')
	r.Stated("column", why.Column)
	r.Text("reason", why.Reason)
	*r = append(*r, '}')
}

// End ends the row.
func (r *Row) End() { *r = append(*r, '}', '\n') }
