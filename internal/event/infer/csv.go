// Samples CSV: delimiter and header are guessed, rows are read by the scanner.

package infer

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
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
	var columns []project.Column
	if s.csv.Header {
		columns = s.headerColumns(records[0])
	} else {
		for i := range records[0] {
			columns = append(columns, textColumn(fmt.Sprintf("column_%d", i+1)))
		}
	}
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

// headerColumns omits columns that cannot be named: without a header, or with one that occurs twice.
func (s *sample) headerColumns(header []string) []project.Column {
	counts := map[string]int{}
	for _, name := range header {
		counts[name]++
	}
	var columns []project.Column
	for i, name := range header {
		switch {
		case name == "":
			s.omitted = append(s.omitted, fmt.Sprintf("field %d: its header is empty", i+1))
		case counts[name] > 1:
			s.omitted = append(s.omitted, fmt.Sprintf("field %d: header %s occurs twice", i+1, quoted([]byte(name))))
		case len(name) > maxPath || !utf8.ValidString(name):
			s.omitted = append(s.omitted, fmt.Sprintf("field %d: header %s is not UTF-8, or is longer than %d bytes", i+1, quoted([]byte(name)), maxPath))
		default:
			columns = append(columns, textColumn(name))
		}
	}
	return columns
}

// collect collects the values of accepted rows.
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
	slices.SortFunc(rows, cmp.Compare[int64])
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
