// Package failure is the vocabulary of what went wrong and what may be done about it: four classes, and the exit
// code of a command. It owns the one classifier; every retry policy and exit code follows from it. It is a leaf that
// every room may import, and must not know what the errors are about.
package failure

import "fmt"

// Class says what may be done about an error.
type Class uint8

// The classes. The zero value is Bug: what nobody has declared safe to retry stops, and is seen.
const (
	// Bug is an error that should not be possible: stop and alert.
	Bug Class = iota
	// Data is an error that the same input will give again: quarantine it or stop, never retry.
	Data
	// Transient is an error that may be gone in a moment: retry quickly, with exponential delays.
	Transient
	// Throttled is a refusal because of too much asked too soon: retry slowly, honouring RetryAfter.
	Throttled
)

var names = [...]string{Bug: "bug", Data: "data", Transient: "transient", Throttled: "throttled"}

// String returns the class's name as it stands in histories and logs.
func (c Class) String() string {
	if int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("class(%d)", c)
}

// Retryable reports whether trying again, unchanged, can help.
func (c Class) Retryable() bool { return c == Transient || c == Throttled }

// Parse returns the class with the given name, and whether there is one.
func Parse(name string) (Class, bool) {
	for i, n := range names {
		if n == name {
			return Class(i), true
		}
	}
	return Bug, false
}
