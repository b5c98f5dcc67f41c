// Samples CSV: delimiter and header are guessed from the first records, rows are read by the scanner.

package infer

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"bursar/internal/column"
	"bursar/internal/event/scan"
	"bursar/internal/project"
)

func readCSV(h head) (*sample, error) {
	s := &sample{format: project.CSVText}
	delimiter, records := sniff(h.text)
	s.csv = project.CSV{Delimiter: delimiter, Header: isHeader(records)}
	columns := s.columns(records[0])
	if len(columns) == 0 {
		return nil, errors.New("its header names no column that can be declared")
	}
	plan, err := scan.NewPlan(&project.Stream{Name: "sample", Format: s.format, CSV: s.csv, Columns: columns}, nil)
	if err != nil {
		return nil, err
	}
	blocks, err := plan.Parse(h.text, nil, 1)
	if err != nil {
		return nil, err
	}
	text, whole := cutRows(h, lines(blocks))
	if whole {
		if err := scan.Unclosed(text, delimiter); err != nil {
			return nil, err
		}
	}
	s.whole = whole
	s.check = func(plan *scan.Plan) ([]scan.Reject, error) { return rejected(plan, text) }
	if blocks, err = plan.Parse(text, nil, 1); err != nil {
		return nil, err
	}
	s.collect(blocks, columns)
	return s, nil
}

func textColumn(from string) project.Column {
	return project.Column{Name: from, From: []string{from}, Type: column.Type{Kind: column.String}, Optional: true}
}

// columns omits columns that cannot be named: whose header is empty, or occurs twice. Without a header they are numbered.
func (s *sample) columns(header []string) []project.Column {
	counts := map[string]int{}
	for _, name := range header {
		counts[name]++
	}
	var columns []project.Column
	s.repeats = s.csv.Header && len(counts) < len(header)
	for i, name := range header {
		switch {
		case !s.csv.Header:
			columns = append(columns, textColumn(fmt.Sprintf("column_%d", i+1)))
		case name == "":
			s.omitted = append(s.omitted, fmt.Sprintf("field %d: its header is empty", i+1))
		case counts[name] > 1:
			s.omitted = append(s.omitted, fmt.Sprintf("field %d: header %s occurs twice", i+1, quoted(name)))
		case len(name) > maxPath || !utf8.ValidString(name):
			s.omitted = append(s.omitted, fmt.Sprintf("field %d: header %s is not UTF-8, or is longer than %d bytes", i+1, quoted(name), maxPath))
		default:
			columns = append(columns, textColumn(name))
		}
	}
	return columns
}

func (s *sample) collect(blocks []*scan.Block, columns []project.Column) {
	for i := range columns {
		f := &field{path: columns[i].From}
		if columns[i].Type.Kind != column.String {
			f.typed = &columns[i].Type
		}
		s.fields = append(s.fields, f)
	}
	for _, b := range blocks {
		s.rows += len(b.Rows)
		for c, f := range s.fields {
			v := &b.Columns[c]
			for i := range b.Rows {
				if !v.IsNull(i) {
					f.add(string(v.AppendPlain(nil, i)), &f.strings)
				}
			}
		}
	}
}

// lines returns the first lines of all rows in order.
func lines(blocks []*scan.Block) []int64 {
	var rows []int64
	for _, b := range blocks {
		rows = append(rows, b.Rows...)
		for _, r := range b.Rejects {
			rows = append(rows, r.Row)
		}
	}
	slices.Sort(rows)
	return rows
}

// cutRows ends a text before the first row beyond the limit, or before the last row if that may continue.
func cutRows(h head, rows []int64) (text []byte, whole bool) {
	switch {
	case len(rows) > maxRows:
		return beforeLine(h.text, rows[maxRows]), false
	case !h.whole && len(rows) > 1:
		return beforeLine(h.text, rows[len(rows)-1]), false
	}
	return h.text, h.whole
}

func beforeLine(text []byte, line int64) []byte {
	end := 0
	for n := int64(1); n < line; n++ {
		i := bytes.IndexByte(text[end:], '\n')
		if i < 0 {
			break
		}
		end += i + 1
	}
	return text[:end]
}

// rejected returns the rows of a text that a plan rejects.
func rejected(plan *scan.Plan, text []byte) (rejects []scan.Reject, err error) {
	blocks, err := plan.Parse(text, nil, 1)
	for _, b := range blocks {
		rejects = append(rejects, b.Rejects...)
	}
	return rejects, err
}

// sniffBytes is how much of a file is used to detect its delimiter.
const sniffBytes = 1 << 16

// sniff returns the delimiter with which most records have as many fields as the first one, at least two.
func sniff(text []byte) (best byte, records [][]string) {
	most := -1
	for _, delimiter := range []byte{',', ';', '\t', '|'} {
		all := firstRecords(text, delimiter)
		if len(all) == 0 {
			continue
		}
		alike := 0
		for _, r := range all {
			if len(r) == len(all[0]) {
				alike++
			}
		}
		score := 0
		if len(all[0]) > 1 {
			score = 1000*alike/len(all)*100 + min(len(all[0]), 99)
		}
		if score > most {
			best, records, most = delimiter, all, score
		}
	}
	if records == nil { // nothing that looks like CSV: the scanner reports why
		return ',', [][]string{{""}}
	}
	return best, records
}

func firstRecords(text []byte, delimiter byte) [][]string {
	cut := text[:min(len(text), sniffBytes)]
	in := csv.NewReader(bytes.NewReader(cut))
	in.Comma, in.LazyQuotes, in.FieldsPerRecord = rune(delimiter), true, -1
	var records [][]string
	for len(records) < 200 {
		r, err := in.Read()
		if err != nil {
			if errors.Is(err, io.EOF) && len(cut) < len(text) && len(records) > 1 {
				records = records[:len(records)-1] // incomplete
			}
			break
		}
		records = append(records, r)
	}
	return records
}

// isHeader treats the first record as a header unless it contains a number, date or truth value, or is mostly empty.
func isHeader(records [][]string) bool {
	named := 0
	for _, name := range records[0] {
		if name == "" {
			continue
		}
		named++
		f := &field{}
		f.add(name, &f.strings)
		g := guess{Column: project.Column{Name: "value"}}
		j := newTypeChecker(f)
		if _, number := j.number('.', ','); number || g.tryFormat(j, column.Bool, "") || g.tryTimes(j) {
			return false
		}
	}
	return 2*named > len(records[0])
}
