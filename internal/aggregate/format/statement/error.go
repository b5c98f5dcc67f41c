// The error that refuses a file, and the place in the file that it names.

package statement

import (
	"fmt"
	"strconv"

	"bursar/internal/failure"
)

// Place is a position in a file: its line and the byte within the line, both from 1.
type Place struct {
	Line   int64 `json:"line"`
	Column int64 `json:"column"`
}

// String returns "line:column".
func (p Place) String() string { return string(p.Append(nil)) }

// Append appends what String writes.
func (p Place) Append(buffer []byte) []byte {
	buffer = append(strconv.AppendInt(buffer, p.Line, 10), ':')
	return strconv.AppendInt(buffer, p.Column, 10)
}

// Error refuses a file: the place, the reason and the next step. Its class is Data: a retry gives the same error.
type Error struct {
	Place  Place
	Reason string
	Hint   string // the next step; may be empty
}

// Refuse returns an Error.
func Refuse(at Place, format string, args ...any) *Error {
	return &Error{Place: at, Reason: fmt.Sprintf(format, args...)}
}

// Advise sets the next step.
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

// Class is failure.Data.
func (e *Error) Class() failure.Class { return failure.Data }
