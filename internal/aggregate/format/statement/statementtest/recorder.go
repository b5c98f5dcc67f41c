// Package statementtest contains what the tests of all statement formats share: a Handler that records the calls and
// checks their order, and checks with truncated texts and failing handlers. Only tests import it.
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

// Statement is one recorded statement, with the values that it had at End.
type Statement struct {
	statement.Statement
	Balances []statement.Balance
	Entries  []Entry
}

// Entry is one recorded entry, with the values that it had at EndEntry.
type Entry struct {
	statement.Entry
	Details []statement.Detail
}

// Recorder copies everything that a reader reports. It fails its test if the calls break the contract of Handler:
// their order, and that the identifying fields of a statement or an entry do not change after they were reported.
type Recorder struct {
	Statements []Statement
	Notices    []statement.Notice
	Calls      int // number of calls so far

	t     testing.TB
	begun *statement.Statement // the argument of Begin; nil outside a statement
	entry *statement.Entry     // the argument of Entry; nil outside an entry
}

// NewRecorder returns an empty recorder.
func NewRecorder(t testing.TB) *Recorder {
	t.Helper()
	return &Recorder{t: t}
}

// Complete reports whether everything that began has ended.
func (r *Recorder) Complete() bool { return r.begun == nil && r.entry == nil }

// call counts a call and checks that it is allowed in the current state.
func (r *Recorder) call(name string, within, inEntry bool) bool {
	r.t.Helper()
	r.Calls++
	ok := (r.begun != nil) == within && (r.entry != nil) == inEntry
	if !ok {
		r.t.Errorf("call %d: %s is out of order: within a statement %v, within an entry %v",
			r.Calls, name, r.begun != nil, r.entry != nil)
	}
	return ok
}

// Begin opens a statement.
func (r *Recorder) Begin(s *statement.Statement) error {
	if r.call("Begin", false, false) {
		r.begun = s
		r.Statements = append(r.Statements, Statement{Statement: *s})
	}
	return nil
}

// Balance records a balance of the open statement.
func (r *Recorder) Balance(b *statement.Balance) error {
	if r.call("Balance", true, false) {
		open := r.open()
		open.Balances = append(open.Balances, *b)
	}
	return nil
}

// Entry opens an entry of the open statement.
func (r *Recorder) Entry(e *statement.Entry) error {
	if r.call("Entry", true, false) {
		r.entry = e
		open := r.open()
		open.Entries = append(open.Entries, Entry{Entry: *e})
	}
	return nil
}

// Detail records a detail of the open entry.
func (r *Recorder) Detail(d *statement.Detail) error {
	if r.call("Detail", true, true) {
		entry := r.openEntry()
		entry.Details = append(entry.Details, *d)
	}
	return nil
}

// EndEntry closes the entry and records the fields that were set since Entry.
func (r *Recorder) EndEntry() error {
	if !r.call("EndEntry", true, true) {
		return nil
	}
	entry := r.openEntry()
	before, after := entry.Entry, *r.entry
	entry.Entry = after
	after.Text, after.Operations, after.Charges = before.Text, before.Operations, before.Charges
	if after != before {
		r.t.Errorf("call %d: an entry was reported as\n%+v\nand ends as\n%+v", r.Calls, before, after)
	}
	r.entry = nil
	return nil
}

// End closes the statement and records the fields that were set since Begin.
func (r *Recorder) End() error {
	if !r.call("End", true, false) {
		return nil
	}
	open := r.open()
	before, after := open.Statement, *r.begun
	open.Statement = after
	if identity(&before) != identity(&after) {
		r.t.Errorf("call %d: a statement was reported as\n%+v\nand ends as\n%+v", r.Calls, before, after)
	}
	r.begun = nil
	return nil
}

// Notice records a notice.
func (r *Recorder) Notice(n *statement.Notice) error {
	r.Calls++
	kept := *n
	kept.Fields = append([]statement.Field(nil), n.Fields...)
	r.Notices = append(r.Notices, kept)
	return nil
}

func (r *Recorder) open() *Statement { return &r.Statements[len(r.Statements)-1] }

func (r *Recorder) openEntry() *Entry { return &r.open().Entries[len(r.open().Entries)-1] }

// identity returns the fields of a statement that must not change after Begin.
func identity(s *statement.Statement) statement.Statement {
	return statement.Statement{Place: s.Place, Format: s.Format, Kind: s.Kind, Servicer: s.Servicer, Account: s.Account, IBAN: s.IBAN}
}

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
