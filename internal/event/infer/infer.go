// Package infer guesses how a file would be declared as a stream, for a person to edit. It owns the guesses and the
// words that explain them. It guarantees that what it writes is a valid stream file, that every type takes every sampled
// value exactly, as the scanner itself decides, and that it reads a bounded part of the file. It must not touch a
// project or its state.
package infer

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"bursar/internal/event/scan"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// The sample is the beginning of a file, up to the first of these limits.
const (
	maxRows  = 10000
	maxBytes = 16 << 20 // uncompressed
)

// maxColumns bounds what a person is asked to edit; a stream file may hold twice as many.
const maxColumns = 2000

// sample is what was read of a file.
type sample struct {
	file   string // its base name
	format project.Format
	csv    project.CSV
	// encoding is that which a file that is not UTF-8 was read by.
	encoding string
	rows     int // well-formed ones
	whole    bool
	fields   []*field
	omitted  []string                                     // what cannot be declared, and why
	check    func(plan *scan.Plan) ([]scan.Reject, error) // what a plan rejects of the sample
}

// draft is a guessed stream with what there is to say about it.
type draft struct {
	*sample
	stream  *project.Stream
	columns []guess
	rejects []scan.Reject // of the sample, by the guessed stream
	notes   map[string]string
	repeat  *repeatedID // where no column is different in every row; nil is none
}

// Stream reads the beginning of a file (10,000 rows or 16 MiB, uncompressed by suffix .gz or .zst) and writes a
// commented stream file for it. A file that cannot be read, or holds no row, is an error that names it.
func Stream(path string) (yaml string, err error) {
	s, err := read(path)
	if err != nil {
		return "", sampleError(path, err)
	}
	s.file = filepath.Base(path)
	d := newDraft(s)
	plan, err := scan.NewPlan(d.stream, nil)
	if err != nil {
		return "", fmt.Errorf("infer stream of %s: %w", path, err)
	}
	if d.rejects, err = s.check(plan); err != nil {
		return "", fmt.Errorf("infer stream of %s: %w", path, err)
	}
	return d.write(), nil
}

// sampleError is the error of a file that cannot be sampled. Class Data, unless the cause may pass.
func sampleError(path string, err error) error {
	err = fmt.Errorf("infer stream of %s: %w", path, err)
	if failure.Of(err).Retryable() {
		return err
	}
	return failure.Wrap(failure.Data, err)
}

// read samples a file in the format that its first bytes show.
func read(path string) (*sample, error) {
	in, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer in.close()
	var s *sample
	var t head
	if in.isParquet() {
		s, err = readParquet(in, path)
	} else {
		if t, err = in.head(); err != nil {
			return nil, err
		}
		encoding := ""
		if t.isNotUTF8() {
			encoding = windows
			if t.text, err = decodeWindows(t.text); err != nil {
				return nil, err
			}
		}
		if t.isJSONL(path) {
			s, err = readJSON(t)
		} else {
			s, err = readCSV(t)
		}
		if err == nil {
			s.encoding = encoding
		}
	}
	if err != nil {
		return nil, err
	}
	if s.rows == 0 && s.encoding != "" {
		return nil, errors.New("it is not UTF-8 text: write it as UTF-8, or declare the stream with the `encoding` that it has")
	}
	if s.rows == 0 {
		return nil, errors.New("it contains no row that could be read")
	}
	if len(s.fields) == 0 {
		return nil, errors.New("it has no column that can be declared")
	}
	return s, nil
}

// newDraft guesses every column, then what needs all of them.
func newDraft(s *sample) *draft {
	d := &draft{sample: s, notes: map[string]string{}, stream: &project.Stream{Name: streamName(s.file), Format: s.format, CSV: s.csv}}
	names := map[string]bool{}
	for i, f := range s.fields {
		if len(d.columns) == maxColumns {
			s.omitted = append(s.omitted, fmt.Sprintf("%d more columns: a stream of more than %d is hard to keep", len(s.fields)-i, maxColumns))
			break
		}
		name := unique(columnName(strings.Join(f.path, "_"), i), names)
		d.columns = append(d.columns, s.guess(f, name))
	}
	d.declare()
	d.chooseID()
	d.chooseTime()
	d.chooseTotals()
	return d
}

// declare fills in the stream's columns: those with a value, or all where none has one.
func (d *draft) declare() {
	for i := range d.columns {
		if !d.columns[i].absent {
			d.stream.Columns = append(d.stream.Columns, d.columns[i].Column)
		}
	}
	if len(d.stream.Columns) > 0 {
		return
	}
	for i := range d.columns {
		d.columns[i].absent = false
		d.stream.Columns = append(d.stream.Columns, d.columns[i].Column)
	}
}
