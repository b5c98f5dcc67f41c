// What DuckDB says of a statement, without the values that it failed on.

package duck

import "strings"

// Error is what DuckDB says of a statement. It holds no value of an event: errors reach the histories of workflows (rule 7).
type Error string

func (e Error) Error() string { return string(e) }

// Raised begins the messages that the product itself raises with SQL's error(): they are kept whole. A project's own SQL may
// not call error().
const Raised = "bursar: "

// onValues are the kinds of errors that a value causes: their messages name it.
var onValues = []string{"Conversion Error", "Out of Range Error", "Invalid Input Error"}

// OnValues reports whether a value made the statement fail: the same statement may succeed on others.
func (e Error) OnValues() bool { return kindOnValues(string(e)) != "" }

func kindOnValues(message string) string {
	for _, kind := range onValues {
		if strings.HasPrefix(message, kind) {
			return kind
		}
	}
	return ""
}

// errorOf takes the value out of a message: what follows the first quote, digit or other sign that may begin one.
func errorOf(message string) Error {
	message = strings.TrimSpace(message)
	if _, raised, ok := strings.Cut(message, ": "+Raised); ok && kindOnValues(message) != "" {
		return Error(raised)
	}
	kind := kindOnValues(message)
	if kind == "" {
		return Error(message)
	}
	text := strings.TrimPrefix(message[len(kind):], ": ")
	if at := strings.IndexAny(text, "'\"`(){}[]<>:;=+-.\n0123456789"); at >= 0 {
		text = text[:at]
	}
	return Error(kind + ": " + strings.TrimSpace(text))
}
