// What DuckDB says of a statement, without the values that it failed on.

package duck

import "strings"

// Error is what DuckDB says of a statement. It holds no value of an event: errors reach the histories of workflows (rule 7).
type Error string

func (e Error) Error() string { return string(e) }

// RaisedPrefix begins the messages that the product itself raises with SQL's error(): they are kept whole. A project's own SQL may
// not call error().
const RaisedPrefix = "bursar: "

// valueErrorKinds are the kinds of errors that a value causes: their messages name it.
var valueErrorKinds = []string{"Conversion Error", "Out of Range Error", "Invalid Input Error"}

// CausedByValue reports whether a value made the statement fail: the same statement may succeed on others.
func (e Error) CausedByValue() bool { return valueErrorKind(string(e)) != "" }

func valueErrorKind(message string) string {
	for _, kind := range valueErrorKinds {
		if strings.HasPrefix(message, kind) {
			return kind
		}
	}
	return ""
}

// redact takes the value out of a message: what follows the first quote, digit or other sign that may begin one.
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
