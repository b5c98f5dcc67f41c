// Where in a file something stands, and errors that say so.

package statement

import (
	"fmt"
	"strconv"

	"bursar/internal/failure"
)

// Limits of what a reader holds at once. Beyond them a file is refused with the limit named.
const (
	MaxValue = 1 << 20 // bytes of one value
	MaxDepth = 64      // elements within each other
)

// Place is where something starts in a file: its line and the byte within the line, both from 1.
type Place struct {
	Line   int64 `json:"line"`
	Column int64 `json:"column"`
}

// String is "line:column", as compilers write it.
func (p Place) String() string { return string(p.Append(nil)) }

// Append appends what String writes.
func (p Place) Append(to []byte) []byte {
	to = append(strconv.AppendInt(to, p.Line, 10), ':')
	return strconv.AppendInt(to, p.Column, 10)
}

// Error refuses a file: where, why and what to do about it. Class Data: the same file is refused again.
type Error struct {
	Place  Place
	Reason string
	Hint   string // a next step; may be empty
}

// Refuse makes an Error.
func Refuse(at Place, format string, args ...any) *Error {
	return &Error{Place: at, Reason: fmt.Sprintf(format, args...)}
}

// Advise adds a next step.
func (e *Error) Advise(hint string) *Error {
	e.Hint = hint
	return e
}

func (e *Error) Error() string {
	text := e.Place.String() + ": " + e.Reason
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// Class is Data.
func (e *Error) Class() failure.Class { return failure.Data }
