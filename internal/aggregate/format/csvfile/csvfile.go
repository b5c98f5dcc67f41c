// Package csvfile reads an institution's CSV files by its declared mapping. It owns how rows become entries: their
// amounts and signs, the statements that they belong to, running balances, and control rows. A row that cannot be
// read becomes an entry with the reason, whose amount or day is unreadable, so that it is quarantined and the other
// rows are processed (rule 10). A row longer than statement.MaxValue is refused. The package must not know of
// streams, batches or storage.
//
// The rows of an account and currency are one statement, in any order. Statements are reported one after another:
// rows whose statement cannot begin yet are kept in bounded memory and then in a file of the scratch folder.
package csvfile

import (
	"bytes"
	"errors"
	"io"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/project"
)

// Reader reads the CSV files of one institution. It is safe for concurrent use.
type Reader struct {
	institution *project.Institution
	mapping     *project.CSVMapping
	scratch     string
}

// New returns the reader of an institution that declares a CSV mapping. scratch is the folder for rows that do not
// fit in memory; "" is the system's folder for temporary files.
func New(institution *project.Institution, scratch string) *Reader {
	return &Reader{institution: institution, mapping: institution.CSV, scratch: scratch}
}

// Matches reports whether the mapping fits a file that starts with head: the header line has all columns that the
// mapping names. Without a header line, the first row must have as many fields as the declared header, and a booking
// date.
func (r *Reader) Matches(head []byte) bool {
	buffer := statement.Buffer(nil)
	defer statement.Release(buffer)
	t, err := openTable(bytes.NewReader(head), buffer, r.mapping)
	if err != nil || r.mapping.Header == nil {
		return err == nil
	}
	first, err := t.next()
	if err != nil || first.defect != "" {
		return false
	}
	if c := r.mapping.Control; c != nil && c.First && (t.isMarkedControl(first) || c.Where.Column == "") {
		return true
	}
	date := t.cell(first, t.columns.booked)
	_, reason := parseDate(date, r.mapping)
	return reason == "" || date == "" && t.state(first) != unknown && r.mapping.Columns.Status.Column != ""
}

// Mismatch returns why the mapping does not fit a file that starts with head; nil if it fits. matched is how many of
// the mapping's columns the header line has, or -1 if there is no header line with a known delimiter.
func (r *Reader) Mismatch(head []byte) (reason *statement.Error, matched int) {
	buffer := statement.Buffer(nil)
	defer statement.Release(buffer)
	t, err := openTable(bytes.NewReader(head), buffer, r.mapping)
	if !errors.As(err, &reason) {
		return nil, 0
	}
	reason.Reason = "the CSV mapping of " + r.institution.Name + " does not fit: " + reason.Reason
	if t == nil || len(t.header) < 2 {
		return reason, -1
	}
	return reason, len(r.mapping.ColumnNames()) - len(missingColumns(t.header, r.mapping))
}

// Read reads a file and reports its content to h. An error that is not a *statement.Error comes from in or h.
func (r *Reader) Read(in io.Reader, h statement.Handler) error {
	buffer := statement.Buffer(nil)
	defer statement.Release(buffer)
	t, err := openTable(in, buffer, r.mapping)
	if err != nil {
		return err
	}
	return newEmitter(r, t, h).emitAll()
}
