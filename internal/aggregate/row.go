// Rows of the built-in streams, as the JSON lines that intake reads.

package aggregate

import (
	"encoding/hex"
	"strconv"

	"bursar/internal/aggregate/statement"
	"bursar/internal/column"
	"bursar/internal/event"
)

// row is a JSON line that is being written. Values that a file does not state are omitted.
type row []byte

func (r *row) begin() { *r = append((*r)[:0], '{') }

// next separates a column from the previous one.
func (r *row) next() {
	if n := len(*r); n > 0 && (*r)[n-1] != '{' {
		*r = append(*r, ',')
	}
}

// columns appends columns that are already written.
func (r *row) columns(written row) {
	r.next()
	*r = append(*r, written...)
}

func (r *row) name(name string) {
	r.next()
	*r = append(append(append(*r, '"'), name...), '"', ':')
}

// text writes a required text, empty or not.
func (r *row) text(name, value string) {
	r.name(name)
	*r = column.AppendJSON(*r, value)
}

// stated writes a text unless it is empty; intake rejects a row that lacks a required column.
func (r *row) stated(name, value string) {
	if value != "" {
		r.text(name, value)
	}
}

// digest writes an id.
func (r *row) digest(name string, d digest) {
	r.name(name)
	*r = append(hex.AppendEncode(append(*r, '"'), d[:]), '"')
}

// place writes a position in the file.
func (r *row) place(name string, at statement.Place) {
	r.name(name)
	*r = append(at.Append(append(*r, '"')), '"')
}

func (r *row) count(name string, n int64) {
	r.name(name)
	*r = strconv.AppendInt(*r, n, 10)
}

func (r *row) flag(name string, set bool) {
	r.name(name)
	*r = strconv.AppendBool(*r, set)
}

// refused writes a reason for which intake rejects the row; quarantine shows it.
func (r *row) refused(why *statement.Refusal) {
	r.name(event.RefusedProperty)
	*r = append(*r, '{')
	r.stated("column", why.Column)
	r.text("reason", why.Reason)
	*r = append(*r, '}')
}

func (r *row) end() { *r = append(*r, '}', '\n') }
