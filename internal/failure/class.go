// Package failure classifies errors by what may be done about them: four classes, and the exit code of a command. It owns the
// only classifier; every retry policy and exit code follows from it. Every package may import it. It must not know what the
// errors are about.
package failure

import "fmt"

// Class is what may be done about an error.
type Class uint8

// The classes. The zero value is Bug: an error that nobody has declared safe to retry stops the work, and is noticed.
const (
	// Bug is an error that should be impossible: stop and alert.
	Bug Class = iota
	// Data is an error that the same input causes again: quarantine it or stop, never retry.
	Data
	// Transient is an error that may pass soon: retry quickly, with exponential delays.
	Transient
	// Throttled is a refusal because of too many requests: retry slowly and honour RetryAfter.
	Throttled
)

var names = [...]string{Bug: "bug", Data: "data", Transient: "transient", Throttled: "throttled"}

// String returns the name of the class in histories and logs.
func (c Class) String() string {
	if int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("class(%d)", c)
}

// Retryable reports whether an unchanged retry can succeed.
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
