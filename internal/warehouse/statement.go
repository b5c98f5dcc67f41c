// Errors about statements of people.

package warehouse

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"bursar/internal/failure"
)

// StatementError is an error about a statement that a person has written: it is refused, or the database cannot execute it. Ask returns it for
// all of them, Exec and Query wherever the database names the line.
type StatementError struct {
	Err          error  // as the backend returns it otherwise; nil from Ask
	Message      string // of the database, or why it is refused
	Line, Column int    // where the fault is, from 1, in characters; 0 if unknown
	UnknownTable bool   // it names a table that does not exist
	Timeout      bool   // the database has stopped it, as it took too long
}

func (e *StatementError) Error() string {
	switch {
	case e.Err != nil:
		return e.Err.Error()
	case e.Line == 0:
		return e.Message
	case e.Column == 0:
		return fmt.Sprintf("line %d: %s", e.Line, e.Message)
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// Unwrap returns the error without the place.
func (e *StatementError) Unwrap() error { return e.Err }

// Class is Data: the same statement fails again.
func (e *StatementError) Class() failure.Class { return failure.Data }

// PlaceAfter returns the line and the column that follow the beginning of a text.
func PlaceAfter(beginning string) (line, column int) {
	last := beginning[strings.LastIndexByte(beginning, '\n')+1:]
	return 1 + strings.Count(beginning, "\n"), 1 + utf8.RuneCountInString(last)
}

// ErrInfinite is about a date or a timestamp of a result.
var ErrInfinite = errors.New("an infinite date or timestamp cannot be represented; cast it to text")
