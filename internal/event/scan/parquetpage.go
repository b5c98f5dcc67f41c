// Parquet pages: what a page states about itself is validated before the library decodes it.

package scan

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// validatedPages returns the pages of a column chunk that are consistent with what they state, according to "Encodings" and "Data Pages" of the Parquet
// format. The library's decoders trust a page: if it contains fewer levels or values than stated, they loop forever, allocate any stated number,
// or return what follows its end.
type validatedPages struct {
	file.PageReader
	stream  *chunkStream
	leaf    *schema.Column
	entries int   // of the dictionary; -1 before it was read
	longest int64 // size of its longest text
	last    int64 // size of the preceding text, with which the next may share bytes
	err     error
}

// Next moves to the next page. After an error there is none: the library would continue with rows out of step.
func (p *validatedPages) Next() bool {
	if p.err != nil {
		return false
	}
	if !p.PageReader.Next() {
		p.err = p.PageReader.Err()
		return false
	}
	if p.stream.short {
		p.err = fmt.Errorf("a page is damaged: %w", errEnds)
		return false
	}
	if err := p.validate(p.Page()); err != nil {
		p.err = fmt.Errorf("a page is damaged: %w", err)
	}
	return p.err == nil
}

// Err returns the error of the page at which Next ended, or nil at the end of the column chunk.
func (p *validatedPages) Err() error { return p.err }

func (p *validatedPages) validate(page file.Page) error {
	data, rows := page.Data(), int64(page.NumValues())
	if rows < 0 {
		return fmt.Errorf("it states %d values", rows)
	}
	var levels, values []byte
	var err error
	switch page := page.(type) {
	case *file.DictionaryPage:
		return p.dictionary(data, rows)
	case *file.DataPageV1:
		levels, values, err = p.splitV1(page, data)
	case *file.DataPageV2:
		levels, values, err = splitV2(page, data)
	default:
		return nil // other pages have no values
	}
	if err != nil {
		return err
	}
	present := rows
	if p.leaf.MaxDefinitionLevel() > 0 {
		if present, err = countPresent(levels, rows); err != nil {
			return fmt.Errorf("its definition levels: %w", err)
		}
	}
	return p.values(parquet.Encoding(page.Encoding()), values, present)
}

// splitV1 splits a version 1 page into levels and values. A required column has no levels.
func (p *validatedPages) splitV1(page *file.DataPageV1, data []byte) (levels, values []byte, err error) {
	switch {
	case p.leaf.MaxDefinitionLevel() == 0:
		return nil, data, nil
	case page.DefinitionLevelEncoding() != parquet.Encodings.RLE:
		// The deprecated encoding packs bits from the highest on; the library reads them from the lowest.
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
	return data[:n], data[n:], nil
}

// dictionary validates that all stated entries exist.
func (p *validatedPages) dictionary(data []byte, entries int64) error {
	p.entries = int(entries)
	if p.leaf.PhysicalType() != parquet.Types.ByteArray {
		return p.fixed(data, entries)
	}
	for range entries {
		text, rest, err := splitLength(data)
		if err != nil {
			return fmt.Errorf("its dictionary of %d entries: %w", entries, err)
		}
		data, p.longest = rest, max(p.longest, int64(len(text)))
	}
	return nil
}

// values validates that all present values exist. Plain texts are left to the library, which fails at their end.
func (p *validatedPages) values(encoding parquet.Encoding, data []byte, present int64) (err error) {
	switch encoding {
	case parquet.Encodings.Plain:
		err = p.fixed(data, present)
	case parquet.Encodings.PlainDict, parquet.Encodings.RLEDict:
		err = validateIndexes(data, present, p.entries)
	case parquet.Encodings.RLE:
		err = validateBools(data, present)
	case parquet.Encodings.DeltaBinaryPacked:
		err = validateDeltas(data, present)
	case parquet.Encodings.DeltaLengthByteArray:
		err = validateDeltaTexts(data, present, nil)
	case parquet.Encodings.DeltaByteArray:
		err = validateDeltaTexts(data, present, &p.last)
	case parquet.Encodings.ByteStreamSplit:
		if size := p.size(); size <= 0 || int64(len(data)) != present*size {
			err = p.wrongSize(data, present)
		}
	default:
		err = errors.New("not known")
	}
	if err != nil {
		return fmt.Errorf("its values in %s: %w", encoding, err)
	}
	return nil
}

// fixed validates that all plain values of a fixed size exist.
func (p *validatedPages) fixed(data []byte, n int64) error {
	switch p.leaf.PhysicalType() {
	case parquet.Types.ByteArray:
		return nil
	case parquet.Types.Boolean:
		if n > int64(len(data))*8 {
			return fmt.Errorf("%d bytes for %d values of a bit", len(data), n)
		}
		return nil
	}
	if size := p.size(); size <= 0 || n*size > int64(len(data)) {
		return p.wrongSize(data, n)
	}
	return nil
}

func (p *validatedPages) wrongSize(data []byte, n int64) error {
	return fmt.Errorf("%d bytes for %d values of %d bytes", len(data), n, p.size())
}

// size returns the size of a value in bytes, or 0 if it is not fixed.
func (p *validatedPages) size() int64 {
	switch t := p.leaf.PhysicalType(); t {
	case parquet.Types.FixedLenByteArray:
		return int64(p.leaf.TypeLength())
	case parquet.Types.ByteArray, parquet.Types.Boolean:
		return 0
	default:
		return int64(t.ByteSize())
	}
}

var errEnds = errors.New("it ends too early")
