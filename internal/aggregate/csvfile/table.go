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
	mapping   *project.CSVMapping
	raw       *boundedReader
	buffer    *bufio.Reader
	csv       *csv.Reader
	skipped   int64 // lines before those that csv counts
	line      int   // where the last field of the last row is, as csv counts
	width     int   // fields of the header line
	minFields int   // fields that a row has at least: those up to the last column that has a name
	columns   columns
	header    []string

	rowStart [maxRaw]byte // how the row being read begins
	nextRow  row          // the row after the one that next gave last
	hasNext  bool         // whether there is one
	endError error        // why there is none
	atLast   bool         // whether next gave the last row
	notes    noticeCounts // lines among the rows that are none
}

// openTable reads a file through a buffer, up to its first row. It refuses one that the mapping does not fit; the table has its header
// then, where there is one.
func openTable(in io.Reader, buffer *bufio.Reader, m *project.CSVMapping) (*table, error) {
	text, err := charset.Reader(in, m.Encoding) // without either each value is decoded by itself
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	t := &table{mapping: m, raw: &boundedReader{in: text}, buffer: buffer}
	t.raw.startRow()
	buffer.Reset(t.raw)
	stated, err := t.readDelimiterLine()
	if err != nil {
		return nil, err
	}
	if err := t.skip(max(m.Skip-int(t.skipped), 0)); err != nil {
		return nil, err
	}
	head, err := t.buffer.Peek(statement.Window)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, t.readError(err)
	}
	header, delimiter := detectHeader(head, m, stated)
	if t.header = header; delimiter == 0 {
		return t, refuseHeader(t.lineStart(1), header, m)
	}
	t.csv = newCSV(t.buffer, delimiter)
	if m.Header == nil {
		t.raw.startRow()
		fields, err := t.csv.Read()
		if err != nil {
			return nil, t.readError(err)
		}
		t.line, _ = t.csv.FieldPos(len(fields) - 1)
	}
	t.width, t.minFields = len(header), len(header)
	for t.minFields > 0 && header[t.minFields-1] == "" { // such as behind a delimiter at the line's end, which rows may lack
		t.minFields--
	}
	t.columns, err = locateColumns(t.lineStart(1), header, m)
	return t, err
}

// readDelimiterLine is the delimiter that a first line for spreadsheets states, such as sep=; and 0 where there is none. Such a line is passed
// over; it is one of those that `skip` counts.
func (t *table) readDelimiterLine() (delimiter byte, err error) {
	const key, longest = "sep=", len("sep=;\r\n")
	head, err := t.buffer.Peek(longest)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, t.readError(err)
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
		t.raw.startRow()
		for {
			_, err := t.buffer.ReadSlice('\n')
			if err == nil {
				break
			}
			if errors.Is(err, io.EOF) {
				return statement.Refuse(t.lineStart(1), "the file ends within the %d lines that `skip` passes over", lines)
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				return t.readError(err)
			}
		}
		t.skipped++
	}
	return nil
}

// lineStart is the beginning of a line that csv counts.
func (t *table) lineStart(line int) statement.Place {
	return statement.Place{Line: t.skipped + int64(line), Column: 1}
}

// next gives the rows in order, and at the end io.EOF; last tells whether one more follows.
func (t *table) next() (row, error) {
	if !t.hasNext && t.endError == nil {
		t.advance()
	}
	if !t.hasNext {
		return row{}, t.endError
	}
	r := t.nextRow
	t.advance()
	t.atLast = errors.Is(t.endError, io.EOF)
	return r, nil
}

// advance passes over rows in which nothing stands, as spreadsheets leave them, and over notes, which it counts.
func (t *table) advance() {
	for {
		t.nextRow, t.endError = t.readRow()
		t.hasNext = t.endError == nil
		if !t.hasNext {
			return
		}
		if note := t.mapping.Note(t.nextRow.cell(0)); note != "" {
			t.notes.add(t.nextRow.place, "note among the rows", "notes", note)
		} else if !t.nextRow.isBlank() {
			return
		}
	}
}

// readRow reads one row. One whose quotes, number of fields or account are wrong is a bad one, and no error.
func (t *table) readRow() (row, error) {
	t.raw.startRow()
	begins, err := t.buffer.Peek(maxRaw)
	if len(begins) == 0 && err != nil {
		return row{}, t.readError(err)
	}
	n := copy(t.rowStart[:], begins)
	fields, err := t.csv.Read()
	var wrong *csv.ParseError
	switch {
	case errors.As(err, &wrong):
		return row{place: t.lineStart(wrong.StartLine), defect: "has a quote that is not closed, or not doubled", start: trimLine(t.rowStart[:n])}, nil
	case err != nil:
		return row{}, t.readError(err)
	}
	line, column := t.csv.FieldPos(0)
	r := row{place: statement.Place{Line: t.skipped + int64(line), Column: int64(column)}, fields: fields}
	t.line, _ = t.csv.FieldPos(len(fields) - 1)
	if r.defect = t.fieldDefect(r); r.defect != "" {
		r.start = trimLine(t.rowStart[:n])
	}
	return r, nil
}

// readError tells the end of the file from a row that is refused and from an error of what is read.
func (t *table) readError(err error) error {
	var wrong *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.As(err, &wrong):
		return statement.Refuse(t.lineStart(wrong.StartLine), "the header line cannot be read: %v", wrong.Err)
	case errors.Is(err, errTooLong):
		return statement.Refuse(t.lineStart(t.line+1), "a row is longer than %d bytes", statement.MaxValue).Advise(
			"it may be no CSV, or a quote in it may never end")
	}
	return fmt.Errorf("read: %w", err)
}
