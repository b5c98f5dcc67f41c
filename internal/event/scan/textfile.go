// JSON lines and CSV files as a feed of texts.

package scan

import (
	"bytes"
	"errors"
	"io"

	"bursar/internal/event/charset"
	"bursar/internal/project"
)

// textFeed cuts a file into texts, each of which is a job.
type textFeed struct {
	file        *File
	cutter      *cutter
	fields      []int // of a CSV row
	first       *text // the first text, if it contained the header
	firstOffset int   // offset of the rows in it
}

func (f *File) openText() (*textFeed, error) {
	from := f.source.reader
	if f.source.packed {
		from = f.options.Limits.bound(from)
	}
	from, err := charset.Strict(from, f.plan.text)
	if err != nil {
		return nil, &ReadError{File: f.name, Row: 1, Err: err}
	}
	if f.plan.format == project.JSONL {
		from = ArrayLines(from)
	}
	feed := &textFeed{file: f, cutter: &cutter{
		name: f.name, source: from, csv: f.plan.format == project.CSVText, delimiter: f.plan.csv.Delimiter,
		size: f.options.BlockBytes, tempDir: f.options.TempDir, maxKept: maxKept, line: 1,
	}}
	if !feed.cutter.csv {
		return feed, nil
	}
	if !f.plan.csv.Header {
		feed.fields = f.plan.byPosition()
		return feed, nil
	}
	err = feed.readHeader()
	return feed, err
}

// byPosition maps fields to columns without a header.
func (p *Plan) byPosition() []int {
	fields := make([]int, len(p.targets))
	for i := range fields {
		fields[i] = i
	}
	return fields
}

// readHeader reads the first record of the file as its header.
func (d *textFeed) readHeader() error {
	for {
		piece, err := d.cutter.next(nil)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case piece.long != nil:
			(&Block{Rejects: []Reject{*piece.long}}).removeFiles()
			return &ReadError{File: d.file.name, Row: 1, Err: errors.New("the header is longer than 64 MiB")}
		}
		header, rest := cutHeader(piece.text, d.file.plan.csv.Delimiter)
		if header == nil {
			continue
		}
		d.first, d.firstOffset, d.file.header = piece.text, rest, header
		if d.fields, err = d.file.plan.mapHeader(header, (*target).mayLack); err != nil {
			return &ReadError{File: d.file.name, Row: 1, Err: err}
		}
		names, err := readHeader(header, d.file.plan.csv.Delimiter)
		for i, name := range names {
			if d.fields[i] < 0 {
				d.file.undeclared = append(d.file.undeclared, name)
			}
		}
		return err
	}
}

// cutHeader returns the first record that is not blank, and the position after it.
func cutHeader(t *text, delimiter byte) (header []byte, rest int) {
	p := 0
	for p < t.end {
		n := lineEnd(t.b, p)
		if n == 0 {
			break
		}
		p += n
		t.line++
	}
	if p == t.end {
		return nil, p
	}
	rest, _ = recordEnd(t.b[:t.end], p, delimiter, fieldStart)
	if rest < 0 {
		rest = t.end
	}
	t.line += int64(bytes.Count(t.b[p:rest], newline))
	return bytes.Clone(trimReturn(bytes.TrimSuffix(t.b[p:rest], newline))), rest
}

// next returns the next text as a job.
func (d *textFeed) next() (job, error) {
	if t := d.first; t != nil {
		d.first = nil
		return d.job(t, d.firstOffset), nil
	}
	piece, err := d.cutter.next(d.file.buffer())
	if err != nil {
		return job{}, err
	}
	if piece.long != nil {
		b := d.file.block()
		b.Rejects = append(b.Rejects, *piece.long)
		return job{run: func(send func(*Block) bool) error {
			if !send(b) {
				b.removeFiles()
			}
			return nil
		}}, nil
	}
	return d.job(piece.text, 0), nil
}

func (d *textFeed) job(t *text, from int) job {
	return job{
		large: t.end > 8*d.cutter.size,
		run: func(send func(*Block) bool) error {
			s := d.file.scanner(d.fields)
			defer d.file.keepScanner(s)
			t.refs.Store(1)
			defer d.file.release(t)
			for p, line := from, t.line; p < t.end; {
				b := d.file.block()
				t.refs.Add(1)
				p, line = s.fill(b, t, p, line)
				if !send(b) {
					return nil
				}
			}
			return nil
		},
	}
}

func (f *File) scanner(fields []int) scanner {
	if s, ok := pop(&f.mu, &f.scanners); ok {
		return s
	}
	return f.plan.scanner(fields)
}

func (p *Plan) scanner(fields []int) scanner {
	if p.format == project.CSVText {
		return newCSVScanner(p, fields)
	}
	return newJSONScanner(p)
}
