// CSV: rows, whose fields fill columns by header or position, and headers.

package scan

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"bursar/internal/column"
	"bursar/internal/project/doc"
)

// csvScanner reads CSV as defined by RFC 4180. A quote inside an unquoted field is data. A row is rejected if a quoted field does not end,
// or is followed by anything but a delimiter or line end.
type csvScanner struct {
	filler
	delimiter byte
	fields    []int // per field of a row: the column it fills, or -1
	known     int   // fields that fill a column
	absent    []int // columns that no field fills: null in every row
	json      *jsonScanner
	names     [][]byte // of the fields that are kept in the rest; nil: none is
	rest      rest
	b         []byte
	end       int
	unquoted  []byte // a field without its doubled quotes
}

// newCSVScanner returns a scanner of rows; fields contains the column of each field.
func newCSVScanner(p *Plan, fields []int, names []string) *csvScanner {
	s := &csvScanner{filler: newFiller(p), delimiter: p.csv.Delimiter, fields: fields, json: newJSONScanner(p)}
	given := make([]bool, len(p.targets))
	for _, i := range fields {
		if i >= 0 {
			s.known++
			given[i] = true
		}
	}
	if p.rest != "" {
		s.names = restNames(fields, names)
	}
	for i, ok := range given {
		if !ok {
			s.absent = append(s.absent, i)
		}
	}
	return s
}

// fill reads rows of the text from p on into the block until it is full. It returns where it stopped.
func (s *csvScanner) fill(block *Block, t *text, p int, line int64) (int, int64) {
	s.begin(block, t)
	s.b, s.end = t.b, t.end
	for p < t.end && !block.full() {
		if n := lineEnd(t.b, p); n > 0 {
			p, line = p+n, line+1
			continue
		}
		next, ok := s.row(p)
		if ok && s.checkLength(next-p) {
			s.acceptSpan(line, p, p+len(trimReturn(bytes.TrimSuffix(t.b[p:min(next, t.bare)], newline))))
		} else {
			next, _ = recordEnd(t.b[:t.end], p, s.delimiter, fieldStart)
			if next < 0 {
				next = t.end
			}
			s.reject(line, trimReturn(bytes.TrimSuffix(t.b[p:min(next, t.bare)], newline)))
		}
		line += int64(bytes.Count(t.b[p:next], newline))
		p = next
	}
	return p, line
}

var newline = []byte{'\n'}

func lineEnd(b []byte, p int) int {
	switch {
	case b[p] == '\n':
		return 1
	case b[p] == '\r' && b[p+1] == '\n':
		return 2
	default:
		return 0
	}
}

// row reads one row and returns the position after its line end.
func (s *csvScanner) row(p int) (next int, ok bool) {
	n := 0
	s.rest.begin()
	for {
		tok, end, problem := s.field(p)
		if problem != "" {
			return 0, s.refuse(-1, fmt.Sprintf("field %d: %s", n+1, problem))
		}
		if n < len(s.fields) && s.fields[n] >= 0 && !s.value(s.fields[n], tok) {
			s.explain(p, n)
			return 0, false
		}
		if s.names != nil && n < len(s.fields) && s.fields[n] < 0 && !s.keep(n, tok) {
			return 0, false
		}
		n++
		if s.b[end] == s.delimiter {
			p = end + 1
			continue
		}
		if n != len(s.fields) {
			return 0, s.refuse(-1, s.otherFields(n))
		}
		for _, i := range s.absent {
			s.block.Columns[i].AppendNull()
		}
		s.rest.end(s.plan.restColumn(s.block))
		s.extra = int64(n - s.known)
		return end + lineEnd(s.b, end), true
	}
}

// explain replaces a misfit value as the reason by a wrong number of fields, since the value is then usually in the wrong field.
func (s *csvScanner) explain(p, n int) {
	for {
		_, end, problem := s.field(p)
		if problem != "" {
			return
		}
		n++
		if s.b[end] != s.delimiter {
			break
		}
		p = end + 1
	}
	if n != len(s.fields) {
		s.refuse(-1, s.otherFields(n))
	}
}

// field reads the field at p. It ends before a delimiter or a line end.
func (s *csvScanner) field(p int) (tok []byte, end int, problem string) {
	b := s.b
	if b[p] == '"' {
		return s.quoted(p + 1)
	}
	end = p
	for b[end] != s.delimiter && b[end] != '\n' {
		end++
	}
	if b[end] == '\n' && end > p && b[end-1] == '\r' {
		end--
	}
	return b[p:end], end, ""
}

// quoted reads a quoted field; p is after its opening quote.
func (s *csvScanner) quoted(p int) (tok []byte, end int, problem string) {
	b := s.b
	s.unquoted = s.unquoted[:0]
	for {
		n := bytes.IndexByte(b[p:s.end], '"')
		if n < 0 {
			return nil, 0, "its quote is never closed"
		}
		end = p + n + 1
		if b[end] == '"' && end < s.end {
			s.unquoted = append(s.unquoted, b[p:end]...)
			p = end + 1
			continue
		}
		if tok = b[p : end-1]; len(s.unquoted) > 0 {
			s.unquoted = append(s.unquoted, tok...)
			tok = s.unquoted
		}
		if end < s.end && (b[end] == s.delimiter || lineEnd(b, end) > 0) {
			return tok, end, ""
		}
		return nil, 0, "something follows its closing quote"
	}
}

// value adds a field to column i. An empty field is null.
func (s *csvScanner) value(i int, tok []byte) bool {
	if len(tok) == 0 {
		if s.plan.targets[i].optional {
			return s.null(i)
		}
		return s.refuse(i, Required+", and the field is empty")
	}
	if !s.checkText(i, tok) {
		return false
	}
	if s.plan.types[i].Kind == column.JSON {
		return s.json.parse(&s.filler, i, tok)
	}
	return s.text(i, tok)
}

// parse adds a text that must be one JSON value to column i of another scanner.
func (s *jsonScanner) parse(f *filler, i int, tok []byte) bool {
	s.block = f.block
	s.b, s.start = pad(append(s.b[:0], tok...)), 0
	for p, c := range s.b[:len(tok)] {
		if c == '\n' { // whitespace like a tab, and like a tab not allowed in a string
			s.b[p] = '\t'
		}
	}
	end := s.unquoted(blanks(s.b, 0), i, 0)
	if end >= 0 {
		if end = blanks(s.b, end); s.b[end] == '\n' {
			return true
		}
		s.malformed(end, "something follows the value")
	}
	return f.refuse(i, s.reason)
}

func (s *csvScanner) otherFields(n int) string {
	if n == 1 {
		return fmt.Sprintf("the row has 1 field, and %d are expected", len(s.fields))
	}
	return fmt.Sprintf("the row has %d fields, and %d are expected", n, len(s.fields))
}

// readHeader reads one record of field names; the text contains all of it.
func readHeader(record []byte, delimiter byte) (names []string, err error) {
	s := csvScanner{b: pad(bytes.Clone(record)), delimiter: delimiter}
	s.end = len(s.b) - padding
	for p := 0; ; {
		tok, end, problem := s.field(p)
		if problem != "" {
			return nil, fmt.Errorf("header field %d: %s", len(names)+1, problem)
		}
		names = append(names, string(tok))
		if s.b[end] != delimiter {
			return names, nil
		}
		p = end + 1
	}
}

// mapHeader returns the column of each field of a header, and the fields. The header of a file that was ingested may lack any optional column.
func (p *Plan) mapHeader(header []byte, ingested bool) (fields []int, names []string, err error) {
	if names, err = readHeader(header, p.csv.Delimiter); err != nil {
		return nil, nil, err
	}
	fields = make([]int, len(names))
	given := map[string]bool{}
	columns := map[string]int{}
	for i := range p.targets {
		columns[p.targets[i].path[0]] = i
	}
	for f, name := range names {
		i, ok := columns[name]
		if !ok {
			fields[f] = -1
			if p.rest != "" && slices.Contains(names[:f], name) {
				return nil, nil, fmt.Errorf("header %q is given twice, and column %s can contain it once", name, p.rest)
			}
			continue
		}
		if given[name] {
			return nil, nil, fmt.Errorf("header %q is given twice", name)
		}
		fields[f], given[name] = i, true
	}
	for i := range p.targets {
		t := &p.targets[i]
		mayLack := t.absent || ingested && t.optional
		if !mayLack && !given[t.path[0]] {
			return nil, nil, fmt.Errorf("no header %q for column %s; the header is %s%s",
				t.path[0], t.name, strconv.Quote(string(header[:min(len(header), 500)])), cmp.Or(otherEncoding(header), p.hint(header), t.missing(names)))
		}
	}
	return fields, names, nil
}

// missing completes the error about a missing column: with the name that was probably meant, or with how to declare that files may lack it.
func (t *target) missing(names []string) string {
	meant := doc.DidYouMean(t.path[0], names)
	if meant != "" || !t.optional {
		return meant
	}
	return "; where files may lack the column, declare `absent: ok`"
}

// otherEncoding returns a hint if a header is not UTF-8.
func otherEncoding(header []byte) string {
	if utf8.Valid(header) {
		return ""
	}
	return "; the file is not UTF-8: declare the stream's `encoding`, such as windows-1252"
}

// hint names another delimiter that would fit the header.
func (p *Plan) hint(header []byte) string {
	for _, delimiter := range []byte{',', ';', '\t', '|'} {
		if delimiter == p.csv.Delimiter {
			continue
		}
		names, err := readHeader(header, delimiter)
		if err != nil || len(names) == 1 {
			continue
		}
		if !slices.ContainsFunc(p.targets, func(t target) bool { return !t.optional && !slices.Contains(names, t.path[0]) }) {
			return fmt.Sprintf("; the file looks delimited by %q", string(delimiter))
		}
	}
	return ""
}

// pad appends what a scanner needs after rows.
func pad(rows []byte) []byte { return append(append(rows, '\n'), make([]byte, padding)...) }
