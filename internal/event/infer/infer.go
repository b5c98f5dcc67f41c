// Package infer guesses a stream declaration from a file, for a person to edit. It owns the guesses and the text that explains them. It
// guarantees that its output is a valid stream file, that every type accepts every sampled value exactly according to the scanner, and
// that it reads a bounded part of the file. It must not touch a project or its state.
package infer

import (
	"cmp"
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

// maxColumns bounds what a person has to edit; a stream file may contain twice as many.
const maxColumns = 2000

type sample struct {
	file   string // its base name
	format project.Format
	csv    project.CSV
	// encoding is the encoding of a file that is not UTF-8.
	encoding string
	rows     int // well-formed rows
	whole    bool
	fields   []*field
	omitted  []string                                     // what cannot be declared, and why
	check    func(plan *scan.Plan) ([]scan.Reject, error) // returns the rows of the sample that a plan rejects
}

// draft is a guessed stream with its explanations.
type draft struct {
	*sample
	stream  *project.Stream
	columns []guess
	rejects []scan.Reject // of the sample, by the guessed stream
	notes   map[string]string
	repeat  *repeatedID // set if no column is unique; nil is none
}

// Stream reads the beginning of a file (10,000 rows or 16 MiB, uncompressed by suffix .gz or .zst) and returns a commented stream file for
// it. The stream is named after the file unless a name is given. A file that cannot be read, or contains no rows, is an error that names
// it.
func Stream(path, name string) (yaml string, err error) {
	s, err := read(path)
	if err != nil {
		return "", sampleError(path, err)
	}
	s.file = filepath.Base(path)
	d := newDraft(s, cmp.Or(name, streamName(s.file)))
	plan, err := scan.NewPlan(d.stream, nil)
	if err != nil {
		return "", fmt.Errorf("infer stream of %s: %w", path, err)
	}
	if d.rejects, err = s.check(plan); err != nil {
		return "", fmt.Errorf("infer stream of %s: %w", path, err)
	}
	return d.write(), nil
}

// sampleError is the error of a file that cannot be sampled. Class Data, unless the cause is retryable.
func sampleError(path string, err error) error {
	err = fmt.Errorf("infer stream of %s: %w", path, err)
	if failure.Of(err).Retryable() {
		return err
	}
	return failure.Wrap(failure.Data, err)
}

// read samples a file in the format indicated by its first bytes.
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
		return nil, errors.New("it is not UTF-8 text: write it as UTF-8, or declare the stream with its `encoding`")
	}
	if s.rows == 0 {
		return nil, errors.New("it contains no readable row")
	}
	if len(s.fields) == 0 {
		return nil, errors.New("it has no column that can be declared")
	}
	return s, nil
}

// newDraft guesses each column, then what depends on all of them.
func newDraft(s *sample, name string) *draft {
	d := &draft{sample: s, notes: map[string]string{}, stream: &project.Stream{Name: name, Format: s.format, CSV: s.csv}}
	names := map[string]bool{}
	for i, f := range s.fields {
		if len(d.columns) == maxColumns {
			s.omitted = append(s.omitted, fmt.Sprintf("%d more columns: a stream of more than %d is hard to keep", len(s.fields)-i, maxColumns))
			break
		}
		name := unique(columnName(strings.Join(f.path, "_"), i), names)
		d.columns = append(d.columns, s.guess(f, name))
	}
	d.nameMajors(names)
	d.declare()
	d.chooseID()
	d.chooseTime()
	d.chooseTotals()
	return d
}

// declare sets the stream's columns: those with a value, or all if none has one.
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
