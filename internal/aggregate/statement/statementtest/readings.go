// Readings that go wrong on purpose.

package statementtest

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"bursar/internal/aggregate/statement"
)

// Read is a format's reader.
type Read func(io.Reader, statement.Handler) error

// Cut is at how many bytes from each other Truncated cuts a text.
const Cut = 100

// Truncated reads a text cut at every 100th byte: each reading is complete, or ends with a statement.Error; it never panics.
func Truncated(t *testing.T, text []byte, read func(io.Reader, statement.Handler) error) {
	t.Helper()
	before := t.Failed()
	for n := 0; n < len(text); n += Cut {
		if err := Guarded(t, text[:n], read, NewRecorder(t)); t.Failed() && !before {
			t.Fatalf("of the text cut at byte %d of %d: %v", n, len(text), err)
		}
	}
}

// Guarded reads a text into a recorder and returns the reader's error. It fails the test where the reader panics, where its
// error is no statement.Error, and where it ends without an error while something that was begun has no end.
func Guarded(t testing.TB, text []byte, read Read, r *Recorder) (err error) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("the reader panics: %v", p)
			err = errors.New("the reader panicked")
		}
	}()
	err = read(bytes.NewReader(text), r)
	var refused *statement.Error
	switch {
	case err == nil && !r.Whole():
		t.Error("the reading ends well, and within a statement")
	case err != nil && !errors.As(err, &refused):
		t.Errorf("an error without place and reason: %v", err)
	case err != nil && (refused.Place.Line < 1 || refused.Reason == ""):
		t.Errorf("an error with an empty place or reason: %v", err)
	}
	return err
}

// errStop is what a stopping handler answers.
var errStop = errors.New("the handler stops here")

// Stopping reads a text again and again, with a handler that refuses its 1st, 2nd, … call: the reader returns that error
// and calls no more.
func Stopping(t *testing.T, text []byte, read func(io.Reader, statement.Handler) error) {
	t.Helper()
	whole := NewRecorder(t)
	if err := read(bytes.NewReader(text), whole); err != nil {
		t.Fatalf("the text to stop in is refused: %v", err)
	}
	for n := 1; n <= whole.Calls; n++ {
		h := &stopper{left: n}
		if err := read(bytes.NewReader(text), h); !errors.Is(err, errStop) || h.left != 0 {
			t.Errorf("stopped at call %d of %d: error %v, %d calls too many", n, whole.Calls, err, -h.left)
		}
	}
}

// stopper refuses one call.
type stopper struct{ left int }

func (s *stopper) call() error {
	if s.left--; s.left <= 0 {
		return errStop
	}
	return nil
}

func (s *stopper) Begin(*statement.Statement) error { return s.call() }
func (s *stopper) Balance(*statement.Balance) error { return s.call() }
func (s *stopper) Entry(*statement.Entry) error     { return s.call() }
func (s *stopper) Detail(*statement.Detail) error   { return s.call() }
func (s *stopper) EndEntry() error                  { return s.call() }
func (s *stopper) End() error                       { return s.call() }
func (s *stopper) Notice(*statement.Notice) error   { return s.call() }
