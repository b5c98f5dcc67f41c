// Error messages of DuckDB, without the values that caused them.

package duck

import "strings"

// Error is an error message of DuckDB. It contains no value of an event, because errors are written to the histories of workflows (rule 7).
type Error string

func (e Error) Error() string { return string(e) }

// RaisedPrefix starts the messages that Bursar itself raises with SQL's error(): they are kept as they are. A project's own SQL must
// not call error().
const RaisedPrefix = "bursar: "

// valueErrorKinds are the kinds of errors caused by a value: their messages contain it.
var valueErrorKinds = []string{"Conversion Error", "Out of Range Error", "Invalid Input Error"}

// CausedByValue reports whether a value made the statement fail: the same statement may succeed with other values.
func (e Error) CausedByValue() bool { return valueErrorKind(string(e)) != "" }

func valueErrorKind(message string) string {
	for _, kind := range valueErrorKinds {
		if strings.HasPrefix(message, kind) {
			return kind
		}
	}
	return ""
}

// redact removes the value from a message: everything from the first quote, digit or other character that may start one.
func redact(message string) Error {
	message = strings.TrimSpace(message)
	if _, raised, ok := strings.Cut(message, ": "+RaisedPrefix); ok && valueErrorKind(message) != "" {
		return Error(raised)
	}
	kind := valueErrorKind(message)
	if kind == "" {
		return Error(message)
	}
	text := strings.TrimPrefix(message[len(kind):], ": ")
	if at := strings.IndexAny(text, "'\"`(){}[]<>:;=+-.\n0123456789"); at >= 0 {
		text = text[:at]
	}
	return Error(kind + ": " + strings.TrimSpace(text))
}
