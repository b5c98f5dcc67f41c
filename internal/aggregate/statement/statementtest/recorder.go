// Package statementtest holds what the tests of every statement format share: a Handler that keeps what it is told and
// checks the order of the calls, and readings of a text that is cut or whose handler refuses. It is imported by tests only.
package statementtest

import (
	"testing"

	"bursar/internal/aggregate/statement"
)

// Statement is one statement as it stood at its end.
type Statement struct {
	statement.Statement
	Balances []statement.Balance
	Entries  []Entry
}

// Entry is one entry as it stood at its end.
type Entry struct {
	statement.Entry
	Details []statement.Detail
}

// Recorder keeps copies of all that a reader states, and fails its test where the calls break a Handler's contract: their
// order, and that what tells a statement or an entry apart stays as it was when it was first told.
type Recorder struct {
	Statements []Statement
	Notices    []statement.Notice
	Calls      int // made so far

	t     testing.TB
	begun *statement.Statement // what Begin was given; nil outside a statement
	entry *statement.Entry     // what Entry was given; nil outside an entry
}

// NewRecorder makes an empty recorder for a test.
func NewRecorder(t testing.TB) *Recorder {
	t.Helper()
	return &Recorder{t: t}
}

// Whole tells whether everything that was begun has ended.
func (r *Recorder) Whole() bool { return r.begun == nil && r.entry == nil }

// call counts a call, and holds it against where the reading is.
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

// Balance keeps a balance of the open statement.
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

// Detail keeps a detail of the open entry.
func (r *Recorder) Detail(d *statement.Detail) error {
	if r.call("Detail", true, true) {
		entry := r.openEntry()
		entry.Details = append(entry.Details, *d)
	}
	return nil
}

// EndEntry closes the entry, with what became known of it since.
func (r *Recorder) EndEntry() error {
	if !r.call("EndEntry", true, true) {
		return nil
	}
	entry := r.openEntry()
	passed, now := entry.Entry, *r.entry
	entry.Entry = now
	now.Text, now.Operations, now.Charges = passed.Text, passed.Operations, passed.Charges
	if now != passed {
		r.t.Errorf("call %d: an entry was told as\n%+v\nand ends as\n%+v", r.Calls, passed, now)
	}
	r.entry = nil
	return nil
}

// End closes the statement, with what became known of it since.
func (r *Recorder) End() error {
	if !r.call("End", true, false) {
		return nil
	}
	open := r.open()
	passed, now := open.Statement, *r.begun
	open.Statement = now
	if identity(&passed) != identity(&now) {
		r.t.Errorf("call %d: a statement was told as\n%+v\nand ends as\n%+v", r.Calls, passed, now)
	}
	r.begun = nil
	return nil
}

// Notice keeps a notice.
func (r *Recorder) Notice(n *statement.Notice) error {
	r.Calls++
	kept := *n
	kept.Fields = append([]statement.Field(nil), n.Fields...)
	r.Notices = append(r.Notices, kept)
	return nil
}

func (r *Recorder) open() *Statement { return &r.Statements[len(r.Statements)-1] }

func (r *Recorder) openEntry() *Entry { return &r.open().Entries[len(r.open().Entries)-1] }

// identity is what may not change of a statement once it has begun.
func identity(s *statement.Statement) statement.Statement {
	return statement.Statement{Place: s.Place, Format: s.Format, Kind: s.Kind, Servicer: s.Servicer, Account: s.Account, IBAN: s.IBAN}
}
