// The messages between a worker and a guard, and the file descriptors that carry them. The program's environment contains secrets, so it is
// not on the guard's command line, which everybody on the machine can read.

package process

import (
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"time"

	"bursar/internal/failure"
)

// GuardCommand is the first argument of a guard.
const GuardCommand = "guard"

// The file descriptors of a guard.
const (
	controlFD = 3 // from the worker: the specification in a line, then at most one byte, which asks to stop; its end is the worker's
	reportFD  = 4 // to the worker: a report per line
	outputFD  = 5 // standard output of the program
	errorFD   = 6 // standard error of the program, if it has its own
)

// specification is the program that a guard starts. Bytes, not strings: JSON would replace what is not UTF-8.
type specification struct {
	Path, Dir string
	Args, Env [][]byte
	Mark      string
	Grace     time.Duration
	Separate  bool // standard error has its own pipe
}

// report is a message of a guard: one of its fields is set.
type report struct {
	Starting bool          `json:",omitempty"` // from now on, the program may have been executed
	Refused  *startFailure `json:",omitempty"` // it was not
	Ended    *ending       `json:",omitempty"` // all of it has ended: the last message
}

// startFailure is why a program was not started.
type startFailure struct {
	Cause string
	Errno syscall.Errno // 0: none
	Hint  string
}

// ending is how a program ended.
type ending struct {
	Exit         int
	Signal       string
	Stopped      bool // by the worker, before its first process ended
	LeftBehind   bool
	Left         []int // processes that do not end
	User, System time.Duration
	MaxRSS       int64
	Wall         time.Duration
}

// startError is why a program can't be started.
type startError struct {
	program string
	startFailure
}

func (e *startError) Error() string {
	text := fmt.Sprintf("start %s: %s", e.program, e.Cause)
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// Is makes errors of files recognizable, as in errors.Is(err, fs.ErrNotExist).
func (e *startError) Is(target error) bool {
	return e.Errno != 0 && (target == e.Errno || (target == fs.ErrNotExist || target == fs.ErrPermission) && e.Errno.Is(target))
}

// Class is Data, but for the lack of memory or processes, and for a program that is being written.
func (e *startError) Class() failure.Class {
	if e.Errno != 0 && (e.Errno == syscall.ETXTBSY || failure.Of(e.Errno) == failure.Transient) {
		return failure.Transient
	}
	return failure.Data
}

// value returns the value of an environment variable: that of the last entry, as programs see it.
func value(env [][]byte, name string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if v, is := strings.CutPrefix(string(env[i]), name+"="); is {
			return v
		}
	}
	return ""
}
