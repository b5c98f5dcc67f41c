// Parses rows in memory: rows from HTTP and rows from quarantine.

package scan

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"

	"bursar/internal/project"
)

// Parse reads rows from memory; the first one is at line first. header is the header record of the CSV file that the rows are from; if it is nil and the
// stream's files have headers, the data starts with one. A row of a Parquet stream is read as the JSON in Reject.Raw. An error means that no row
// could be read: an invalid header, or more data than a block can contain. The blocks do not share memory with data.
func (p *Plan) Parse(data, header []byte, first int64) ([]*Block, error) {
	return p.ParseOwned(slices.Clip(data), header, first)
}

// PaddingBytes is how many bytes after the end of its data ParseOwned writes to.
const PaddingBytes = 1 + padding

const byteOrderMark = "\xef\xbb\xbf"

// ParseOwned is Parse for data that belongs to the blocks from then on. It is copied only if its slice has a spare capacity below PaddingBytes. The blocks'
// own memory comes from Recycle.
func (p *Plan) ParseOwned(data, header []byte, first int64) ([]*Block, error) {
	if len(data) > math.MaxInt32 {
		return nil, fmt.Errorf("read rows: %d bytes are more than 2 GiB", len(data))
	}
	if data = bytes.TrimPrefix(data, []byte(byteOrderMark)); len(data) == 0 {
		return nil, nil
	}
	t := &text{b: pad(slices.Grow(data, PaddingBytes)), bare: len(data), line: first}
	t.end = len(t.b) - padding
	fields, from := []int(nil), 0
	if p.format == project.CSVText {
		var err error
		if fields, from, err = p.fieldsOf(t, header); err != nil {
			return nil, fmt.Errorf("read rows: %w", err)
		}
	}
	var blocks []*Block
	s := p.scanner(fields)
	for at, line := from, t.line; at < t.end; {
		b := p.blocks.block()
		at, line = s.fill(b, t, at, line)
		p.blocks.noteSize(b)
		blocks = append(blocks, b)
	}
	return blocks, nil
}

func (p *Plan) fieldsOf(t *text, header []byte) (fields []int, from int, err error) {
	if !p.csv.Header {
		return p.byPosition(), 0, nil
	}
	if header == nil {
		if header, from = cutHeader(t, p.csv.Delimiter); header == nil {
			return nil, 0, errors.New("no header")
		}
		fields, err = p.mapHeader(header, (*target).mayLack)
		return fields, from, err
	}
	fields, err = p.mapHeader(header, func(t *target) bool { return t.optional }) // the file was ingested
	return fields, 0, err
}
