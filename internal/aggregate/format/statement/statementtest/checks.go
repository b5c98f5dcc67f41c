// Checks that every format reader passes: truncated files, panics, and errors of the handler; and where the recorded
// files are.

package statementtest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"bursar/internal/aggregate/format/statement"
)

// ReadFunc is the read function of a format.
type ReadFunc func(io.Reader, statement.Handler) error

// TruncationStep is the number of bytes between the places where CheckTruncated cuts a text.
const TruncationStep = 100

// CheckTruncated reads a text cut at every 100th byte. Each read succeeds or returns a statement.Error; it never
// panics.
func CheckTruncated(t *testing.T, text []byte, read func(io.Reader, statement.Handler) error) {
	t.Helper()
	before := t.Failed()
	for n := 0; n < len(text); n += TruncationStep {
		if err := ReadChecked(t, text[:n], read, NewRecorder(t)); t.Failed() && !before {
			t.Fatalf("of the text cut at byte %d of %d: %v", n, len(text), err)
		}
	}
}

// ReadChecked reads a text into a recorder and returns the reader's error. It fails the test if the reader panics, if
// its error is not a statement.Error, or if it returns no error within a statement.
func ReadChecked(t testing.TB, text []byte, read ReadFunc, r *Recorder) (err error) {
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
	case err == nil && !r.Complete():
		t.Error("the reader returns no error, but a statement has no end")
	case err != nil && !errors.As(err, &refused):
		t.Errorf("the error is not a statement.Error: %v", err)
	case err != nil && (refused.Place.Line < 1 || refused.Reason == ""):
		t.Errorf("the error has an empty place or reason: %v", err)
	}
	return err
}

var errHandler = errors.New("the handler fails")

// CheckHandlerErrors reads a text repeatedly with a handler that fails at its 1st, 2nd, … call. The reader must
// return that error and make no further call.
func CheckHandlerErrors(t *testing.T, text []byte, read func(io.Reader, statement.Handler) error) {
	t.Helper()
	complete := NewRecorder(t)
	if err := read(bytes.NewReader(text), complete); err != nil {
		t.Fatalf("the text is refused: %v", err)
	}
	for n := 1; n <= complete.Calls; n++ {
		h := &failingHandler{left: n}
		if err := read(bytes.NewReader(text), h); !errors.Is(err, errHandler) || h.left != 0 {
			t.Errorf("failed at call %d of %d: error %v, %d calls too many", n, complete.Calls, err, -h.left)
		}
	}
}

type failingHandler struct{ left int }

func (s *failingHandler) call() error {
	if s.left--; s.left <= 0 {
		return errHandler
	}
	return nil
}

func (s *failingHandler) Begin(*statement.Statement) error { return s.call() }
func (s *failingHandler) Balance(*statement.Balance) error { return s.call() }
func (s *failingHandler) Entry(*statement.Entry) error     { return s.call() }
func (s *failingHandler) Detail(*statement.Detail) error   { return s.call() }
func (s *failingHandler) EndEntry() error                  { return s.call() }
func (s *failingHandler) End() error                       { return s.call() }
func (s *failingHandler) Notice(*statement.Notice) error   { return s.call() }

// DataVariable is the environment variable that names the folder of recorded files, which are not part of this
// repository.
const DataVariable = "BURSAR_DATA"

// Data returns the path of a recorded file or folder. It skips the test if DataVariable is not set.
func Data(t testing.TB, elements ...string) string {
	t.Helper()
	root := os.Getenv(DataVariable)
	if root == "" {
		t.Skip(DataVariable + " is not set; it names the folder of recorded statements")
	}
	path := filepath.Join(append([]string{root}, elements...)...)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("find recorded files: %v", err)
	}
	return path
}
