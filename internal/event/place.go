// Places of events: the file and row where an event was read.

package event

import (
	"fmt"
	"strconv"
	"strings"

	"bursar/internal/event/dedupe"
)

// Place is where an event or a rejected row was read. It does not change when the row is retried.
type Place struct {
	File uint64 `json:"file"` // its number within the stream
	Row  int64  `json:"row"`
}

// String formats the place as file:row.
func (p Place) String() string { return fmt.Sprintf("%d:%d", p.File, p.Row) }

// SQL formats the place for a comparison with the hidden columns.
func (p Place) SQL() string { return fmt.Sprintf("(%d, %d)", p.File, p.Row) }

// ParsePlace parses what Place.String returns.
func ParsePlace(text string) (p Place, ok bool) {
	file, row, _ := strings.Cut(text, ":")
	p.File, _ = strconv.ParseUint(file, 10, 64)
	p.Row, _ = strconv.ParseInt(row, 10, 64)
	return p, p.File > 0 && p.Row > 0 && p.String() == text
}

// PlaceOf unpacks a place of the dedupe index.
func PlaceOf(p dedupe.Place) Place { return Place{p.File(), int64(p.Row())} }
