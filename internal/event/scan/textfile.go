// Texts of JSON lines and CSV: those that files are cut into, and rows in memory from HTTP and from quarantine.

package scan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"bursar/internal/event/charset"
	"bursar/internal/project"
)

// textFeed cuts a file into texts, each of which is a job.
type textFeed struct {
	file        *File
	cutter      *cutter
	fields      []int    // of a CSV row
	names       []string // of these fields
	first       *text    // the first text, if it contained the header
	firstOffset int      // offset of the rows in it
}

func (f *File) openText() (*textFeed, error) {
	from := f.source.reader
	if f.source.packed {
		most := f.options.Limits.Unpacked
		from = &bounded{in: from, left: most, limit: most}
	}
	from, err := charset.Strict(from, f.plan.text)
	if err != nil {
		return nil, &ReadError{File: f.name, Row: 1, Err: err}
	}
	if f.plan.format == project.JSONL {
		from = f.plan.lines(from)
	}
	feed := &textFeed{file: f, cutter: &cutter{
		name: f.name, source: from, csv: f.plan.format == project.CSVText, delimiter: f.plan.csv.Delimiter,
		size: f.options.BlockBytes, tempDir: f.options.TempDir, maxKept: maxKept, line: 1,
	}}
	if !f.source.packed { // a small file needs no more memory than it has bytes
		feed.cutter.size = int(min(int64(f.options.BlockBytes), f.source.whole.Size()+1))
	}
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
		fields, names, err := d.file.plan.mapHeader(header, false)
		if err != nil {
			return &ReadError{File: d.file.name, Row: 1, Err: err}
		}
		d.fields, d.names = fields, names
		for i, name := range names {
			if d.fields[i] < 0 {
				d.file.undeclared = append(d.file.undeclared, name)
			}
		}
		return nil
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

func (d *textFeed) next() (job, error) {
	if t := d.first; t != nil {
		d.first = nil
		return d.job(t, d.firstOffset), nil
	}
	buffer := d.file.buffer()
	piece, err := d.cutter.next(buffer)
	if err != nil {
		d.file.keepBuffer(buffer)
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
		large: t.end > 8*d.file.options.BlockBytes,
		run: func(send func(*Block) bool) error {
			s, ok := pop(&d.file.scannersMu, &d.file.scanners)
			if !ok {
				s = d.file.plan.scanner(d.fields, d.names)
			}
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

func (p *Plan) scanner(fields []int, names []string) scanner {
	if p.format == project.CSVText {
		return newCSVScanner(p, fields, names)
	}
	return newJSONScanner(p)
}

// Parse reads rows from memory; the first one is at line first. header is the header record of the CSV file that the rows are from; if it
// is nil and the stream's files have headers, the data starts with one. A row of a Parquet stream is read as the JSON in Reject.Raw. An
// error means that no row could be read: an invalid header, or more data than a block can contain. The blocks do not share memory with
// data.
func (p *Plan) Parse(data, header []byte, first int64) ([]*Block, error) {
	return p.ParseOwned(slices.Clip(data), header, first)
}

// PaddingBytes is how many bytes after the end of its data ParseOwned writes to.
const PaddingBytes = 1 + padding

const byteOrderMark = "\xef\xbb\xbf"

// ParseOwned is Parse for data that belongs to the blocks from then on. It is copied only if its slice has a spare capacity below
// PaddingBytes. The blocks' own memory comes from Recycle.
func (p *Plan) ParseOwned(data, header []byte, first int64) ([]*Block, error) {
	if len(data) > math.MaxInt32 {
		return nil, fmt.Errorf("read rows: %d bytes are more than 2 GiB", len(data))
	}
	if data = bytes.TrimPrefix(data, []byte(byteOrderMark)); len(data) == 0 {
		return nil, nil
	}
	t := &text{b: pad(slices.Grow(data, PaddingBytes)), bare: len(data), line: first}
	t.end = len(t.b) - padding
	fields, names, from := []int(nil), []string(nil), 0
	if p.format == project.CSVText {
		var err error
		if fields, names, from, err = p.fieldsOf(t, header); err != nil {
			return nil, fmt.Errorf("read rows: %w", err)
		}
	}
	var blocks []*Block
	s := p.scanner(fields, names)
	for at, line := from, t.line; at < t.end; {
		b := p.blocks.block()
		at, line = s.fill(b, t, at, line)
		p.blocks.noteSize(b)
		blocks = append(blocks, b)
	}
	return blocks, nil
}

func (p *Plan) fieldsOf(t *text, header []byte) (fields []int, names []string, from int, err error) {
	if !p.csv.Header {
		return p.byPosition(), nil, 0, nil
	}
	ingested := header != nil
	if !ingested {
		if header, from = cutHeader(t, p.csv.Delimiter); header == nil {
			return nil, nil, 0, errors.New("no header")
		}
	}
	fields, names, err = p.mapHeader(header, ingested)
	return fields, names, from, err
}
