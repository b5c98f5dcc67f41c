// Package statementtest contains what the tests of all statement formats share: a Handler that records the calls and
// checks their order, and checks with truncated texts and failing handlers. Only tests import it.
package statementtest

import (
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
