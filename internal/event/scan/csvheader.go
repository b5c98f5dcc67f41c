// CSV headers: which field fills which column.

package scan

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"bursar/internal/project/doc"
)

// readHeader reads one record of field names; the text contains all of it.
func readHeader(record []byte, delimiter byte) (names []string, err error) {
	s := csvScanner{b: padded(nil, record), delimiter: delimiter}
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

// mapHeader returns the column of each field of a header. The header of a file that was ingested may lack any optional column.
func (p *Plan) mapHeader(header []byte, ingested bool) ([]int, error) {
	names, err := readHeader(header, p.csv.Delimiter)
	if err != nil {
		return nil, err
	}
	fields := make([]int, len(names))
	given := map[string]bool{}
	columns := map[string]int{}
	for i := range p.targets {
		columns[p.targets[i].path[0]] = i
	}
	for f, name := range names {
		i, ok := columns[name]
		if !ok {
			fields[f] = -1
			continue
		}
		if given[name] {
			return nil, fmt.Errorf("header %q is given twice", name)
		}
		fields[f], given[name] = i, true
	}
	for i := range p.targets {
		t := &p.targets[i]
		mayLack := t.absent || ingested && t.optional
		if !mayLack && !given[t.path[0]] {
			return nil, fmt.Errorf("no header %q for column %s; the header is %s%s",
				t.path[0], t.name, strconv.Quote(string(header[:min(len(header), 500)])), cmp.Or(otherEncoding(header), p.hint(header), t.missing(names)))
		}
	}
	return fields, nil
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

// padded copies a line to memory in which it can be scanned.
func padded(dst, line []byte) []byte { return pad(append(dst, line...)) }

// pad appends what a scanner needs after rows.
func pad(rows []byte) []byte { return append(append(rows, '\n'), make([]byte, padding)...) }
