// How a program failed: its exit code, the end of its standard error, and errors without secrets.

package singer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"bursar/internal/failure"
	"bursar/internal/process"
	"bursar/internal/vault"
)

const (
	// maxStderr bounds what is kept of standard error, in bytes; maxShown is how much of it an error shows.
	maxStderr = 64 << 10
	maxShown  = 2000
	// minLine is the least length of a line of a secret that is hidden where it is printed alone.
	minLine = 16
	hidden  = "[secret]"
)

// The exit codes of sysexits.h, most of which say that the same input fails again; one of them is for failures that pass.
const (
	firstSysexit = 64
	lastSysexit  = 78
	tempFailExit = 75
)

// ExitError says that a program failed. Its class is Transient, because the frameworks of these programs end with 1 for whatever has gone wrong,
// most often a server that does not answer: a bounded number of attempts that fail again costs little, but an account that stops until a person
// looks at it costs data that is late. The codes of sysexits.h but EX_TEMPFAIL are Data: programs that use them say so on purpose.
type ExitError struct {
	Program string
	Exit    int
	Signal  string // that ended the program; empty is none
	Stderr  string // the last 64 KiB of its standard error, without secrets

	progress string
}

func newExitError(program string, r *process.Result, progress, stderr string) *ExitError {
	return &ExitError{Program: program, Exit: r.Exit, Signal: r.Signal, Stderr: stderr, progress: progress}
}

func (e *ExitError) Error() string {
	text := fmt.Sprintf("execute %s: exit code %d", e.Program, e.Exit)
	if e.Signal != "" {
		text = fmt.Sprintf("execute %s: killed by %s", e.Program, e.Signal)
	}
	text += " " + e.progress
	if last := lastLines(strings.TrimSpace(e.Stderr), maxShown); last != "" {
		text += "; its standard error ends with:\n" + last
	}
	return text
}

// Class is Transient, or Data for an exit code that says so.
func (e *ExitError) Class() failure.Class {
	if e.Signal == "" && e.Exit >= firstSysexit && e.Exit <= lastSysexit && e.Exit != tempFailExit {
		return failure.Data
	}
	return failure.Transient
}

// lastLines returns at most so many bytes of the end of a text, from the beginning of a line if there is one.
func lastLines(text string, most int) string {
	if len(text) <= most {
		return text
	}
	text = text[len(text)-most:]
	if _, after, found := strings.Cut(text, "\n"); found {
		text = after
	}
	return strings.ToValidUTF8(text, "")
}

// tail keeps the end of standard error.
type tail struct {
	session *session
	kept    []byte
	isCut   bool
	longest int // form of a secret
}

func (s *session) newTail() *tail {
	t := &tail{session: s}
	for _, form := range s.hidden {
		t.longest = max(t.longest, len(form))
	}
	return t
}

func (t *tail) add(p []byte) {
	t.kept = append(t.kept, p...)
	if most := maxStderr + t.longest; len(t.kept) > 2*most {
		t.kept, t.isCut = bytes.Clone(t.kept[len(t.kept)-most:]), true
	}
}

// text returns the end of standard error without secrets. What precedes the first place at which a secret can be recognised is left out.
func (t *tail) text() string {
	kept := t.session.hide(errors.New(string(t.kept))).Error()
	if t.isCut {
		kept = kept[min(t.longest, len(kept)):]
	}
	return lastLines(kept, maxStderr)
}

// hide removes secrets from an error: programs may repeat them in whatever they print.
func (s *session) hide(err error) error {
	if len(s.hidden) == 0 {
		return err
	}
	return vault.Hide(err, hidden, s.hidden...)
}

// secretForms returns the forms in which programs print secrets: as they are, inside JSON, and inside URLs; each line of a key by itself.
func secretForms(credentials map[string]vault.Secret) (forms []string) {
	for _, secret := range credentials {
		value := secret.Reveal()
		forms = append(forms, value, url.QueryEscape(value), url.PathEscape(value))
		if quoted, err := json.Marshal(value); err == nil {
			forms = append(forms, string(quoted[1:len(quoted)-1]))
		}
		if lines := strings.Fields(value); len(lines) > 1 {
			for _, line := range lines {
				if len(line) >= minLine {
					forms = append(forms, line)
				}
			}
		}
	}
	return forms
}
