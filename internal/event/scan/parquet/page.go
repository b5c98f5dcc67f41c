// Pages of Parquet files: levels and values of rows. What a page states about itself is validated.

package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	format "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
)

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
