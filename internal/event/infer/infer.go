// Package infer guesses a stream declaration from a file, for a person to edit. It owns the guesses and the text that explains them. It
// guarantees that its output is a valid stream file, that every type accepts every sampled value exactly according to the scanner, and
// that it reads a bounded part of the file. It must not touch a project or its state.
package infer

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"bursar/internal/event/charset"
	"bursar/internal/event/scan"
	"bursar/internal/failure"
	"bursar/internal/project"

	"golang.org/x/text/encoding/charmap"
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

	encoding string // of a file that is not UTF-8
	rows     int    // well-formed rows
	whole    bool
	fields   []*field
	omitted  []string                                     // what cannot be declared, and why
	repeats  bool                                         // a header of CSV occurs twice
	anyValue bool                                         // a string column accepts any value, however few were seen
	check    func(plan *scan.Plan) ([]scan.Reject, error) // returns the rows of the sample that a plan rejects
}

// draft is a guessed stream with its explanations.
type draft struct {
	*sample
	stream  *project.Stream
	columns []guess
	rejects []scan.Reject // of the sample, by the guessed stream
	repeat  *repeatedID   // set if no column is unique; nil is none
}

// Stream reads the beginning of a file (10,000 rows or 16 MiB, uncompressed by suffix .gz or .zst) and returns a commented stream file for
// it. The stream is named after the file unless a name is given. A file that cannot be read, or contains no rows, is an error that names
// it.
func Stream(path, name string) (yaml string, err error) {
	s, err := read(path)
	if err != nil {
		if !failure.Of(err).Retryable() {
			err = failure.Wrap(failure.Data, err)
		}
		return "", fmt.Errorf("infer stream of %s: %w", path, err)
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
	return d.write()
}

// read samples a file in the format indicated by its first bytes.
func read(path string) (*sample, error) {
	in, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer in.close()
	var s *sample
	if magic, _ := in.Peek(4); string(magic) == "PAR1" { // a shorter file is none
		s, err = readParquet(in, path)
	} else {
		s, err = readText(in, path)
	}
	switch {
	case err != nil:
		return nil, err
	case s.rows == 0 && s.encoding != "":
		return nil, errors.New("it is not UTF-8 text: write it as UTF-8, or declare the stream with its `encoding`")
	case s.rows == 0:
		return nil, errors.New("it contains no readable row")
	case len(s.fields) == 0:
		return nil, errors.New("it has no column that can be declared")
	}
	return s, nil
}

func readText(in *input, path string) (*sample, error) {
	h, err := in.head()
	if err != nil {
		return nil, err
	}
	encoding := ""
	if !in.marked && h.isNotUTF8() {
		encoding = windows
		decoded, err := charset.Strict(bytes.NewReader(h.text), charmap.Windows1252) // as intake does
		if err == nil {
			h.text, err = io.ReadAll(decoded)
		}
		if err != nil {
			return nil, err
		}
	}
	read := readCSV
	if h.isJSONL(path) {
		read = readJSON
	}
	s, err := read(h)
	if err == nil {
		s.encoding = encoding
	}
	return s, err
}

// newDraft guesses each column, then what depends on all of them.
func newDraft(s *sample, name string) *draft {
	d := &draft{sample: s, stream: &project.Stream{Name: name, Format: s.format, CSV: s.csv}}
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
	some := slices.ContainsFunc(d.columns, func(g guess) bool { return !g.absent })
	for i := range d.columns {
		g := &d.columns[i]
		if g.absent = g.absent && some; !g.absent {
			d.stream.Columns = append(d.stream.Columns, g.Column)
		}
	}
}

// input is an open file after decompression.
type input struct {
	*bufio.Reader
	packed bool
	marked bool // a byte order mark states the encoding: it decides
	close  func()
}

func openFile(path string) (*input, error) {
	file, err := scan.OpenInput(path)
	if err != nil {
		return nil, err
	}
	reader, packed, done, err := scan.Unpack(file.Reader(), path)
	in := &input{packed: packed, close: func() {
		done()
		_ = file.Close() // it was only read
	}}
	if err == nil {
		buffered := bufio.NewReader(reader)
		begins, _ := buffered.Peek(3) // a shorter file has no mark of UTF-8
		in.marked = charset.Marked(begins)
		reader, err = charset.Reader(buffered, nil)
	}
	if err != nil {
		in.close()
		return nil, err
	}
	in.Reader = bufio.NewReaderSize(scan.ArrayLines(reader), 1<<16)
	return in, nil
}

// head is the beginning of a text file.
type head struct {
	text  []byte // without a byte order mark
	whole bool   // nothing follows it
}

func (in *input) head() (head, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxBytes+1))
	if err != nil {
		return head{}, err
	}
	if advice := scan.ForeignFormat(text); advice != "" {
		return head{}, errors.New(advice)
	}
	h := head{text: text, whole: len(text) <= maxBytes}
	_, h.text = scan.CutSheetLine(h.text[:min(len(text), maxBytes)])
	if len(bytes.TrimSpace(h.text)) == 0 {
		return head{}, errors.New("it is empty")
	}
	return h, nil
}

// windows is the most common encoding of files that are not UTF-8; almost every byte is a character in it.
const windows = "windows-1252"

// isNotUTF8 reports whether more letters of a text are invalid in UTF-8 than valid: a UTF-8 file may have a broken row.
func (h head) isNotUTF8() bool {
	valid, broken := 0, 0
	for text := h.text; len(text) > 0; {
		r, n := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && n == 1 && (h.whole || utf8.FullRune(text)):
			broken++
		case n > 1:
			valid++
		}
		text = text[n:]
	}
	return broken > valid
}

// isJSONL reports whether the text is JSON lines rather than CSV, whatever its suffix: CSV files may have any name, and a first line that
// is an object is never CSV.
func (h head) isJSONL(path string) bool {
	text := bytes.TrimLeft(h.text, " \t\r\n")
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if text[0] == '{' && (json.Valid(line) || len(line) == len(text)) {
		return true
	}
	name := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(path), ".gz"), ".zst")
	return slices.Contains([]string{".jsonl", ".ndjson", ".json"}, filepath.Ext(name))
}
