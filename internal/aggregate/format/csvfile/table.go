// Reads the header line and the rows after it, with a limit on the bytes of each.

package csvfile

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/event/charset"
	"bursar/internal/project"
)

// maxRaw is how many bytes of a defective row are shown.
const maxRaw = 200

type table struct {
	mapping   *project.CSVMapping
	raw       *boundedReader
	buffer    *bufio.Reader
	csv       *csv.Reader
	skipped   int64 // lines before those that csv counts
	line      int   // line of the last field of the last row, as csv counts
	width     int   // fields of the header line
	minFields int   // minimum number of fields of a row: up to the last column with a name
	columns   columns
	header    []string

	rowStart [maxRaw]byte // first bytes of the current row
	nextRow  row          // the row after the one that next returned
	hasNext  bool         // nextRow is valid
	endError error        // why there is no next row
	atLast   bool         // next returned the last row
	notes    noticeCounts // declared notes among the rows
}

// openTable reads a file up to its first row. If the mapping does not fit, it returns an error, together with a table
// that has the header line, if there is one.
func openTable(in io.Reader, buffer *bufio.Reader, m *project.CSVMapping) (*table, error) {
	text, err := charset.Reader(in, m.Encoding) // without a declared encoding or a mark, each value is decoded separately
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
	for t.minFields > 0 && header[t.minFields-1] == "" { // such as after a trailing delimiter, which rows may lack
		t.minFields--
	}
	t.columns, err = locateColumns(t.lineStart(1), header, m)
	return t, err
}

// readDelimiterLine reads a first line for spreadsheets, such as sep=; and returns its delimiter; 0 if there is no
// such line. The line is skipped, and is one of those that `skip` counts.
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

func (t *table) skip(lines int) error {
	for range lines {
		t.raw.startRow()
		for {
			_, err := t.buffer.ReadSlice('\n')
			if err == nil {
				break
			}
			if errors.Is(err, io.EOF) {
				return statement.Refuse(t.lineStart(1), "the file ends within the %d lines of `skip`", lines)
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				return t.readError(err)
			}
		}
		t.skipped++
	}
	return nil
}

// lineStart is the place of a line that csv counts.
func (t *table) lineStart(line int) statement.Place {
	return statement.Place{Line: t.skipped + int64(line), Column: 1}
}

// next returns the next row, or io.EOF; atLast is then whether it is the last one.
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

// advance reads the next row. It skips blank rows, as spreadsheets write them, and notes, which it counts.
// A marked control row is never a note.
func (t *table) advance() {
	for {
		t.nextRow, t.endError = t.readRow()
		t.hasNext = t.endError == nil
		if !t.hasNext {
			return
		}
		if note := t.mapping.NotePattern(t.nextRow.cell(0)); note != "" && !t.isMarkedControl(t.nextRow) {
			t.notes.add(t.nextRow.place, "note among the rows", "notes", note)
		} else if slices.ContainsFunc(t.nextRow.fields, isNotBlank) || len(t.nextRow.fields) == 0 {
			return
		}
	}
}

func isNotBlank(field string) bool { return strings.TrimSpace(field) != "" }

// readRow reads one row. A row with invalid quotes or a wrong number of fields is returned with its defect.
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
	switch {
	case len(fields) < t.minFields, len(fields) > t.width && strings.Join(fields[t.width:], "") != "":
		r.defect = fmt.Sprintf("has %d fields, and the header %d", len(fields), t.width)
	case t.mapping.Header == nil && r.cell(t.columns.booked) == t.mapping.Columns.Booked:
		r.defect = "is the header line again"
	}
	if r.defect != "" {
		r.start = trimLine(t.rowStart[:n])
	}
	return r, nil
}

// readError turns an error of a read into io.EOF, a refusal of the file, or an error of the reader.
func (t *table) readError(err error) error {
	var wrong *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.As(err, &wrong):
		return statement.Refuse(t.lineStart(wrong.StartLine), "the header line cannot be read: %v", wrong.Err)
	case errors.Is(err, errTooLong):
		return statement.Refuse(t.lineStart(t.line+1), "a row is longer than %d bytes", statement.MaxValue).Advise(
			"the file may not be CSV, or a quote may not be closed")
	}
	return fmt.Errorf("read: %w", err)
}

// errTooLong ends a read whose row exceeds its budget.
var errTooLong = errors.New("the row is too long")

// boundedReader reads at most a row of statement.MaxValue bytes and a buffer of statement.Window bytes ahead.
type boundedReader struct {
	in     io.Reader
	budget int64
	err    error
}

func (s *boundedReader) startRow() { s.budget = statement.MaxValue + statement.Window }

func (s *boundedReader) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	if s.budget == 0 {
		s.err = errTooLong
		return 0, s.err
	}
	n, err := s.in.Read(p[:min(int64(len(p)), s.budget)])
	s.budget -= int64(n)
	s.err = err
	return n, err
}

// toUTF8 decodes a value that is not valid UTF-8 as windows-1252, in which every byte is a character.
func toUTF8(value string) string {
	if utf8.ValidString(value) {
		return value
	}
	text, err := charmap.Windows1252.NewDecoder().String(value)
	if err != nil {
		return string(bytes.ToValidUTF8([]byte(value), []byte("\uFFFD")))
	}
	return text
}
