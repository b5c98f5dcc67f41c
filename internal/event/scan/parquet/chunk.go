// Column chunks of Parquet files: batches of rows across pages, whose statements about themselves are validated.

package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	format "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
)

const (
	// maxPage bounds the bytes of a page of a small file, packed or not. Writers make pages of 8 KiB to 100 MB.
	maxPage = 1 << 28
	// maxCopied bounds the bytes of a batch that are copied out of pages. Batches are made smaller where rows are long.
	maxCopied = 1 << 28
	// maxOldHeader is the size of a dictionary page's header, which old writers do not count in a chunk's size (PARQUET-816).
	maxOldHeader = 100
)

var errShort = fmt.Errorf("it has fewer values than the row group has rows: %w", io.ErrUnexpectedEOF)

// chunk reads the values of a column in a row group, batch by batch.
type chunk struct {
	Values
	pages  file.PageReader
	stream *chunkStream
	page
	dictionary *dictionary // nil before it was read
	next       int64       // rows read so far
	start      int64       // first row of the batch; -1 is none
	copied     []byte      // bytes of the batch that are not in a page or the dictionary
	kept       int         // values of the batch that are not in the current page
	piece      []byte      // one value, put together
	last       []byte      // the preceding text, with which the next may share bytes
}

// open opens a column chunk at the position in its metadata, as the library does.
func (g *Group) open(i int) (*chunk, error) {
	if g.meta == nil {
		g.meta = g.file.reader.RowGroup(g.index).MetaData()
	}
	meta := g.file.reader.MetaData()
	info, err := g.meta.ColumnChunk(i)
	switch {
	case err != nil:
		return nil, err
	case info.CryptoMetadata() != nil:
		return nil, errors.New("it is encrypted")
	}
	start, size := info.DataPageOffset(), info.TotalCompressedSize()
	if at := info.DictionaryPageOffset(); info.HasDictionaryPage() && at > 0 && at < start {
		start = at
	}
	whole := meta.GetSourceFileSize()
	if start < 0 || size < 0 || start > whole || size > whole-start {
		return nil, fmt.Errorf("it is said to be %d bytes from byte %d on, in a file of %d bytes", size, start, whole)
	}
	if meta.WriterVersion().LessThan(metadata.Parquet816FixedVersion) {
		size += min(maxOldHeader, whole-start-size)
	}
	inner, err := g.file.properties.GetStream(g.file.whole, start, size)
	if err != nil {
		return nil, err
	}
	stream := &chunkStream{BufferedReader: inner, left: size}
	//nolint:staticcheck // the library has no other seam between a file and its pages
	pages, err := file.NewPageReader(stream, info.NumValues(), info.Compression(), g.file.properties.Allocator(), nil)
	if err != nil {
		return nil, err
	}
	return newChunk(&g.file.Columns[i], pages, stream), nil
}

func newChunk(column *Column, pages file.PageReader, stream *chunkStream) *chunk {
	return &chunk{Values: Values{column: column}, pages: pages, stream: stream, start: -1}
}

// seek reads n rows from row start on, unless they are the current batch.
func (c *chunk) seek(start, n int64) error {
	if c.start == start && int64(len(c.at)) == n {
		return nil
	}
	for c.next < start {
		if err := c.read(min(MaxBatch, start-c.next)); err != nil {
			return err
		}
	}
	if c.next > start {
		return errors.New("bug: rows are read in order")
	}
	return c.read(n)
}

func (c *chunk) read(n int64) error {
	c.start, c.last = c.next, bytes.Clone(c.last)
	c.at, c.ints, c.bytes, c.copied, c.kept = c.at[:0], c.ints[:0], c.bytes[:0], c.copied[:0], 0
	for left := n; left > 0; {
		if c.left == 0 {
			if err := c.turn(); err != nil {
				return err
			}
			continue
		}
		rows := min(left, c.left)
		if err := c.decode(rows); err != nil {
			return fmt.Errorf("a page is damaged: %w", err)
		}
		left -= rows
	}
	c.next += n
	return nil
}

// turn moves to the next page. The library reuses the memory of the current one.
func (c *chunk) turn() error {
	for ; c.borrowed && c.kept < len(c.bytes); c.kept++ {
		own, err := c.copy(c.bytes[c.kept])
		if err != nil {
			return err
		}
		c.bytes[c.kept] = own
	}
	c.kept = len(c.bytes)
	if !c.pages.Next() {
		if err := c.pages.Err(); err != nil {
			return err
		}
		return errShort
	}
	err := errEnds
	if !c.stream.short {
		err = c.openPage(c.pages.Page())
	}
	if err != nil {
		return fmt.Errorf("a page is damaged: %w", err)
	}
	return nil
}

// copy copies parts of a text into the memory of the batch.
func (c *chunk) copy(parts ...[]byte) ([]byte, error) {
	from := len(c.copied)
	for _, part := range parts {
		if len(c.copied)+len(part) > maxCopied {
			return nil, fmt.Errorf("%d rows have more than %d bytes of text", MaxBatch, maxCopied)
		}
		c.copied = append(c.copied, part...)
	}
	return c.copied[from:len(c.copied):len(c.copied)], nil
}

var errEnds = errors.New("it ends too early")

// page is the current data page of a chunk.
type page struct {
	left     int64 // rows that were not read
	levels   runs  // of an optional column
	flags    []uint32
	encoding format.Encoding
	values   decoder
	borrowed bool // texts are in the memory of the page
}

// openPage starts a page, as in "Data Pages" of the Parquet format. Pages of other types have no values.
func (c *chunk) openPage(p file.Page) (err error) {
	data, rows := p.Data(), int64(p.NumValues())
	if rows < 0 {
		return fmt.Errorf("it states %d values", rows)
	}
	var levels, values []byte
	switch p := p.(type) {
	case *file.DictionaryPage:
		return c.openDictionary(format.Encoding(p.Encoding()), data, rows)
	case *file.DataPageV1:
		levels, values, err = c.splitV1(p, data)
	case *file.DataPageV2:
		levels, values, err = splitV2(p, data)
	default:
		return nil
	}
	if err != nil {
		return err
	}
	c.left, c.levels, c.encoding = rows, runs{data: levels, width: 1}, format.Encoding(p.Encoding())
	present := rows
	if c.column.optional() {
		if present, err = c.levels.countOnes(rows); err != nil {
			return fmt.Errorf("its definition levels: %w", err)
		}
	}
	c.values, c.borrowed, err = c.newDecoder(values, present)
	return c.inEncoding(err)
}

func (c *chunk) inEncoding(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("its values in %s: %w", c.encoding, err)
}

// splitV1 splits a version 1 page into levels and values. A required column has no levels.
func (c *chunk) splitV1(page *file.DataPageV1, data []byte) (levels, values []byte, err error) {
	switch {
	case !c.column.optional():
		return nil, data, nil
	case page.DefinitionLevelEncoding() != format.Encodings.RLE:
		// The deprecated encoding packs bits from the highest on.
		return nil, nil, fmt.Errorf("its definition levels are encoded as %s", page.DefinitionLevelEncoding())
	}
	return splitLength(data)
}

func splitV2(page *file.DataPageV2, data []byte) (levels, values []byte, err error) {
	repetition, definition := int64(page.RepetitionLevelByteLen()), int64(page.DefinitionLevelByteLen())
	if repetition < 0 || definition < 0 || repetition+definition > int64(len(data)) {
		return nil, nil, fmt.Errorf("it states %d and %d bytes of levels, and has %d bytes", repetition, definition, len(data))
	}
	return data[repetition : repetition+definition], data[repetition+definition:], nil
}

// splitLength splits data that begins with a length of four bytes.
func splitLength(data []byte) (head, rest []byte, err error) {
	if len(data) < 4 {
		return nil, nil, errEnds
	}
	n := binary.LittleEndian.Uint32(data)
	if data = data[4:]; uint64(n) > uint64(len(data)) {
		return nil, nil, fmt.Errorf("a length of %d bytes, and %d are left", n, len(data))
	}
	return data[:n:n], data[n:], nil
}

// decode appends the next rows of the page to the batch.
func (c *chunk) decode(rows int64) error {
	at, present := len(c.ints)+len(c.bytes), int(rows)
	if c.column.optional() {
		c.flags = slices.Grow(c.flags[:0], int(rows))[:rows]
		if err := c.levels.read(c.flags); err != nil {
			return fmt.Errorf("its definition levels: %w", err)
		}
		present = 0
		for _, flag := range c.flags {
			if flag == 1 {
				c.at = append(c.at, at+present)
				present++
			} else {
				c.at = append(c.at, -1)
			}
		}
	} else {
		for i := range present {
			c.at = append(c.at, at+i)
		}
	}
	c.left -= rows
	return c.inEncoding(c.values.decode(c, present))
}
