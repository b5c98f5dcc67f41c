// Rows: the header line and what follows it.

package csvfile

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"

	"bursar/internal/aggregate/statement"
	"bursar/internal/event/charset"
	"bursar/internal/project"
)

// maxRaw is how many bytes are shown of a row that cannot be read.
const maxRaw = 200

// table is a file's rows in order.
type table struct {
	mapping *project.CSVMapping
	source  *source
	buffer  *bufio.Reader
	csv     *csv.Reader
	skipped int64 // lines before those that csv counts
	line    int   // where the last field of the last row is, as csv counts
	width   int   // fields of the header line
	least   int   // fields that a row has at least: those up to the last column that has a name
	columns columns
	header  []string

	raw     [maxRaw]byte // how the row being read begins
	ahead   row          // the row after the one that next gave last
	waiting bool         // whether there is one
	end     error        // why there is none
	last    bool         // whether next gave the last row
	notes   notices      // lines among the rows that are none
}

// open reads a file through a buffer, up to its first row. It refuses one that the mapping does not fit; the table has its header
// then, where there is one.
func open(in io.Reader, buffer *bufio.Reader, m *project.CSVMapping) (*table, error) {
	text, err := charset.Reader(in, m.Encoding) // without either each value is decoded by itself
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	t := &table{mapping: m, source: &source{in: text}, buffer: buffer}
	t.source.renew()
	buffer.Reset(t.source)
	stated, err := t.stated()
	if err != nil {
		return nil, err
	}
	if err := t.skip(max(m.Skip-int(t.skipped), 0)); err != nil {
		return nil, err
	}
	head, err := t.buffer.Peek(statement.Window)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, t.fail(err)
	}
	header, delimiter := recognise(head, m, stated)
	if t.header = header; delimiter == 0 {
		return t, refuseHeader(t.at(1), header, m)
	}
	t.csv = newCSV(t.buffer, delimiter)
	if m.Header == nil {
		t.source.renew()
		fields, err := t.csv.Read()
		if err != nil {
			return nil, t.fail(err)
		}
		t.line, _ = t.csv.FieldPos(len(fields) - 1)
	}
	t.width, t.least = len(header), len(header)
	for t.least > 0 && header[t.least-1] == "" { // such as behind a delimiter at the line's end, which rows may lack
		t.least--
	}
	t.columns, err = locate(t.at(1), header, m)
	return t, err
}

// stated is the delimiter that a first line for spreadsheets states, such as sep=; and 0 where there is none. Such a line is passed
// over; it is one of those that `skip` counts.
func (t *table) stated() (delimiter byte, err error) {
	const key, longest = "sep=", len("sep=;\r\n")
	head, err := t.buffer.Peek(longest)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, t.fail(err)
	}
	line, _, _ := bytes.Cut(head, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) != len(key)+1 || !bytes.EqualFold(line[:len(key)], []byte(key)) {
		return 0, nil
	}
	return line[len(key)], t.skip(1)
}

func newCSV(in io.Reader, delimiter byte) *csv.Reader {
	c := csv.NewReader(in)
	c.Comma, c.FieldsPerRecord = rune(delimiter), -1
	return c
}

// skip passes over lines that come before the header line.
func (t *table) skip(lines int) error {
	for range lines {
		t.source.renew()
		for {
			_, err := t.buffer.ReadSlice('\n')
			if err == nil {
				break
			}
			if errors.Is(err, io.EOF) {
				return statement.Refuse(t.at(1), "the file ends within the %d lines that `skip` passes over", lines)
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				return t.fail(err)
			}
		}
		t.skipped++
	}
	return nil
}

// at is the beginning of a line that csv counts.
func (t *table) at(line int) statement.Place {
	return statement.Place{Line: t.skipped + int64(line), Column: 1}
}

// next gives the rows in order, and at the end io.EOF; last tells whether one more follows.
func (t *table) next() (row, error) {
	if !t.waiting && t.end == nil {
		t.advance()
	}
	if !t.waiting {
		return row{}, t.end
	}
	r := t.ahead
	t.advance()
	t.last = errors.Is(t.end, io.EOF)
	return r, nil
}

// advance passes over rows in which nothing stands, as spreadsheets leave them, and over notes, which it counts.
func (t *table) advance() {
	for {
		t.ahead, t.end = t.row()
		t.waiting = t.end == nil
		if !t.waiting {
			return
		}
		if note := t.mapping.NotePattern(t.ahead.cell(0)); note != "" {
			t.notes.add(t.ahead.place, "note among the rows", "notes", note)
		} else if !t.ahead.blank() {
			return
		}
	}
}

// row reads one row. One whose quotes, number of fields or account are wrong is a bad one, and no error.
func (t *table) row() (row, error) {
	t.source.renew()
	begins, err := t.buffer.Peek(maxRaw)
	if len(begins) == 0 && err != nil {
		return row{}, t.fail(err)
	}
	n := copy(t.raw[:], begins)
	fields, err := t.csv.Read()
	var wrong *csv.ParseError
	switch {
	case errors.As(err, &wrong):
		return row{place: t.at(wrong.StartLine), bad: "has a quote that is not closed, or not doubled", raw: firstLine(t.raw[:n])}, nil
	case err != nil:
		return row{}, t.fail(err)
	}
	line, column := t.csv.FieldPos(0)
	r := row{place: statement.Place{Line: t.skipped + int64(line), Column: int64(column)}, fields: fields}
	t.line, _ = t.csv.FieldPos(len(fields) - 1)
	if r.bad = t.unfit(r); r.bad != "" {
		r.raw = firstLine(t.raw[:n])
	}
	return r, nil
}

// fail tells the end of the file from a row that is refused and from an error of what is read.
func (t *table) fail(err error) error {
	var wrong *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.As(err, &wrong):
		return statement.Refuse(t.at(wrong.StartLine), "the header line cannot be read: %v", wrong.Err)
	case errors.Is(err, errTooLong):
		return statement.Refuse(t.at(t.line+1), "a row is longer than %d bytes", statement.MaxValue).Advise(
			"it may be no CSV, or a quote in it may never end")
	}
	return fmt.Errorf("read: %w", err)
}
