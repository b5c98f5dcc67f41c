// Package csvfile reads an institution's CSV files by its declared mapping. It owns how rows become entries: their signs, their
// amounts, the statements that they belong to, the balances that they tell, and the control row. A row that cannot be read is told
// as an entry that names why, and whose amount or day is unreadable, so that it is quarantined and the rest goes on (rule 10).
// A row longer than statement.MaxValue is refused. It must not know of streams, batches or storage.
//
// The rows of an account and currency are one statement, in whatever order they stand. Statements are told one after another: rows
// that come before theirs wait, in bounded memory and then in a file of the scratch folder.
package csvfile

import (
	"bytes"
	"errors"
	"io"

	"bursar/internal/aggregate/statement"
	"bursar/internal/project"
)

// Reader reads the CSV files of one institution. It may be used by several readings at once.
type Reader struct {
	institution *project.Institution
	mapping     *project.CSVMapping
	scratch     string
}

// New makes the reader of an institution that declares a CSV mapping. scratch is the folder of what does not fit in memory; empty is
// the system's.
func New(institution *project.Institution, scratch string) *Reader {
	return &Reader{institution: institution, mapping: institution.CSV, scratch: scratch}
}

// Matches tells by a file's beginning whether the mapping fits: its header line has all columns that the mapping names.
// Without a header line the first row must have as many fields as the declared header, and a date of booking.
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

// Mismatch is why the mapping does not fit a file that begins so, and how near it comes: how many of the columns that it names the
// header line has; -1 if there is no such line, or nothing in it that parts columns. It is nil where the mapping fits.
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
	return reason, len(r.mapping.Named()) - len(missingColumns(t.header, r.mapping))
}

// Read tells what a file states. An error that is no statement.Error comes from in or from the handler.
func (r *Reader) Read(in io.Reader, h statement.Handler) error {
	buffer := statement.Buffer(nil)
	defer statement.Release(buffer)
	t, err := openTable(in, buffer, r.mapping)
	if err != nil {
		return err
	}
	return r.emitAll(newEmitter(r, t, h))
}

// emitAll tells all rows.
func (r *Reader) emitAll(g *emitter) error {
	defer g.spool.close()
	for {
		row, err := g.table.next()
		if errors.Is(err, io.EOF) {
			return g.finish()
		}
		if err == nil {
			err = g.emitRow(row)
		}
		if err != nil {
			return err
		}
	}
}
