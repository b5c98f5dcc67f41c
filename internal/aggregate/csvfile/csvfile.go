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
	t, err := open(bytes.NewReader(head), buffer, r.mapping)
	if err != nil || r.mapping.Header == nil {
		return err == nil
	}
	first, err := t.next()
	if err != nil || first.bad != "" {
		return false
	}
	if c := r.mapping.Control; c != nil && c.First && (t.marks(first) || c.Where.Column == "") {
		return true
	}
	date := t.cell(first, t.columns.booked)
	_, reason := readDate(date, r.mapping)
	return reason == "" || date == "" && t.state(first) != unknown && r.mapping.Columns.Status.Column != ""
}

// Misfit is why the mapping does not fit a file that begins so, and how near it comes: how many of the columns that it names the
// header line has; -1 if there is no such line, or nothing in it that parts columns. It is nil where the mapping fits.
func (r *Reader) Misfit(head []byte) (why *statement.Error, near int) {
	buffer := statement.Buffer(nil)
	defer statement.Release(buffer)
	t, err := open(bytes.NewReader(head), buffer, r.mapping)
	if !errors.As(err, &why) {
		return nil, 0
	}
	why.Reason = "the CSV mapping of " + r.institution.Name + " does not fit: " + why.Reason
	if t == nil || len(t.header) < 2 {
		return why, -1
	}
	return why, len(r.mapping.ColumnNames()) - len(missing(t.header, r.mapping))
}

// Read tells what a file states. An error that is no statement.Error comes from in or from the handler.
func (r *Reader) Read(in io.Reader, h statement.Handler) error {
	buffer := statement.Buffer(nil)
	defer statement.Release(buffer)
	t, err := open(in, buffer, r.mapping)
	if err != nil {
		return err
	}
	return r.all(newEmitter(r, t, h))
}

// all tells all rows.
func (r *Reader) all(g *emitter) error {
	defer g.spool.close()
	for {
		row, err := g.table.next()
		if errors.Is(err, io.EOF) {
			return g.finish()
		}
		if err == nil {
			err = g.emit(row)
		}
		if err != nil {
			return err
		}
	}
}
