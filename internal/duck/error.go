// Error messages of DuckDB, without the values that caused them.

package duck

import (
	"strings"

	"bursar/internal/failure"
)

// Error is an error message of DuckDB. It contains no value of an event, because errors are written to the histories of workflows (rule 7).
type Error string

func (e Error) Error() string { return string(e) }

// outOfMemory starts the message about a statement that needs more than the session's memory limit.
const outOfMemory = "out of memory: "

// diskTooFull starts the message about a full disk.
const diskTooFull = "the disk is too full for temporary files: "

// isFullDisk finds errors about temporary files: DuckDB uses at most 90% of the disk's free space for them.
func isFullDisk(message string) bool {
	return strings.Contains(message, "No space left on device") || strings.Contains(message, "Disk quota exceeded") ||
		strings.Contains(message, diskTooFull) || strings.Contains(message, "max_temp_directory_size")
}

// isLocked finds errors about a file that another process has opened.
func isLocked(message string) bool { return strings.Contains(message, "Could not set lock on file") }

// Class is Transient if the disk is full or another process has the file, Data if the limit of memory is too low for the statement, else Bug.
func (e Error) Class() failure.Class {
	switch {
	case isFullDisk(string(e)), isLocked(string(e)):
		return failure.Transient
	case strings.HasPrefix(string(e), outOfMemory):
		return failure.Data
	}
	return failure.Bug
}

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
	if text, ok := strings.CutPrefix(message, "Out of Memory Error: "); ok {
		return memoryError(text)
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

// memoryError replaces DuckDB's advice, which is about settings that a project does not have.
func memoryError(text string) Error {
	first, _, _ := strings.Cut(text, "\n")
	if isFullDisk(text) {
		return Error(diskTooFull + first + "; free disk space, and run it again")
	}
	return Error(outOfMemory + first + "; set a larger `memory` in bursar.yaml, and run it again")
}
