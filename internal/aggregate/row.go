// Rows of the built-in streams, as the JSON lines that intake reads.

package aggregate

import (
	"strconv"

	"bursar/internal/column"
)

// row is one JSON line in the making. Values that a file does not state are left out.
type row []byte

func (r *row) begin() { *r = append((*r)[:0], '{') }

func (r *row) name(name string) {
	if len(*r) > 1 {
		*r = append(*r, ',')
	}
	*r = append(append(append(*r, '"'), name...), '"', ':')
}

// text writes a required text, empty or not.
func (r *row) text(name, value string) {
	r.name(name)
	*r = append(*r, column.QuoteJSON(value)...)
}

// stated writes what is there; a missing value of a required column is intake's to reject.
func (r *row) stated(name, value string) {
	if value != "" {
		r.text(name, value)
	}
}

func (r *row) count(name string, n int64) {
	r.name(name)
	*r = strconv.AppendInt(*r, n, 10)
}

func (r *row) flag(name string, set bool) {
	r.name(name)
	*r = strconv.AppendBool(*r, set)
}

func (r *row) end() { *r = append(*r, '}', '\n') }
