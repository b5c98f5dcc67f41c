// Encodings of values in Parquet pages.

package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	format "github.com/apache/arrow-go/v18/parquet"
)

// decoder appends the next n values of a page to the batch of a chunk.
type decoder interface {
	decode(c *chunk, n int) error
}

// newDecoder returns the decoder of a page of present values, and whether texts stay in the memory of the page. Whether all values exist
// is checked at once, or when they are decoded.
func (c *chunk) newDecoder(data []byte, present int64) (d decoder, borrowed bool, err error) {
	size, physical := c.column.size(), c.column.leaf.PhysicalType()
	text, whole := physical == format.Types.ByteArray, physical == format.Types.Int32 || physical == format.Types.Int64
	switch e := c.encoding; {
	case e == format.Encodings.Plain && text:
		return &plainTexts{data}, true, nil
	case e == format.Encodings.Plain && physical == format.Types.Boolean:
		if present > int64(len(data))*8 {
			return nil, false, fmt.Errorf("%d bytes for %d values of a bit", len(data), present)
		}
		return &bools{runs{packed: data, width: 1, n: present}}, false, nil
	case e == format.Encodings.Plain:
		return &plain{data}, true, c.column.checkFixed(data, present)
	case e == format.Encodings.PlainDict || e == format.Encodings.RLEDict:
		d, err = c.newIndexes(data, present)
		return d, false, err
	case e == format.Encodings.RLE && physical == format.Types.Boolean:
		d, err = newBools(data, present)
		return d, false, err
	case e == format.Encodings.DeltaBinaryPacked && whole:
		d, err := openDeltas(data, present)
		return &deltaInts{d}, false, err
	case e == format.Encodings.DeltaLengthByteArray && text:
		d, err := newDeltaTexts(data, present)
		return d, true, err
	case e == format.Encodings.DeltaByteArray && text:
		d, err = newSharedTexts(data, present)
		return d, false, err
	case e == format.Encodings.ByteStreamSplit && size > 0:
		if int64(len(data)) != present*int64(size) {
			return nil, false, c.column.wrongSize(data, present)
		}
		return &split{data: data, stride: int(present)}, false, nil
	}
	return nil, false, fmt.Errorf("not known for %s", physical)
}

// checkFixed checks that n values of a fixed size exist.
func (c *Column) checkFixed(data []byte, n int64) error {
	if size := int64(c.size()); size <= 0 || n*size > int64(len(data)) {
		return c.wrongSize(data, n)
	}
	return nil
}

func (c *Column) wrongSize(data []byte, n int64) error {
	return fmt.Errorf("%d bytes for %d values of %d bytes", len(data), n, c.size())
}

type plain struct{ data []byte }

func (p *plain) decode(c *chunk, n int) error {
	size := c.column.size()
	c.appendFixed(p.data[:n*size], size)
	p.data = p.data[n*size:]
	return nil
}

// appendFixed appends values of a fixed size. Floats are kept as their bits.
func (v *Values) appendFixed(data []byte, size int) {
	switch v.column.leaf.PhysicalType() {
	case format.Types.Int32, format.Types.Float:
		for ; len(data) >= 4; data = data[4:] {
			v.ints = append(v.ints, v.column.int32(int32(binary.LittleEndian.Uint32(data))))
		}
	case format.Types.Int64, format.Types.Double:
		for ; len(data) >= 8; data = data[8:] {
			v.ints = append(v.ints, int64(binary.LittleEndian.Uint64(data)))
		}
	default:
		for ; len(data) >= size; data = data[size:] {
			v.bytes = append(v.bytes, data[:size:size])
		}
	}
}

func (c *Column) int32(n int32) int64 {
	if c.Unsigned {
		return int64(uint32(n))
	}
	return int64(n)
}

// plainTexts decodes texts that follow their lengths.
type plainTexts struct{ data []byte }

func (p *plainTexts) decode(c *chunk, n int) error {
	for range n {
		text, rest, err := splitLength(p.data)
		if err != nil {
			return err
		}
		c.bytes, p.data = append(c.bytes, text), rest
	}
	return nil
}

type bools struct{ runs }

// newBools opens bools in runs, preceded by their length in bytes.
func newBools(data []byte, present int64) (*bools, error) {
	if present == 0 {
		return &bools{}, nil
	}
	data, _, err := splitLength(data)
	if err != nil {
		return nil, err
	}
	b := &bools{runs{data: data, width: 1}}
	_, err = b.countOnes(present)
	return b, err
}

func (b *bools) decode(c *chunk, n int) error {
	c.flags = slices.Grow(c.flags[:0], n)[:n]
	err := b.read(c.flags)
	for _, flag := range c.flags {
		c.ints = append(c.ints, int64(min(flag, 1)))
	}
	return err
}

// dictionary is the values of which a column chunk repeats.
type dictionary struct {
	Values          // of a fixed size
	data   []byte   // texts that follow their lengths
	starts []uint32 // of the texts in data
	n      int
}

// openDictionary decodes a dictionary page, of which a column chunk has at most one.
func (c *chunk) openDictionary(encoding format.Encoding, data []byte, entries int64) error {
	switch {
	case c.dictionary != nil:
		return errors.New("it is a second dictionary")
	case encoding != format.Encodings.Plain && encoding != format.Encodings.PlainDict:
		return fmt.Errorf("its dictionary is encoded as %s", encoding)
	}
	d := &dictionary{Values: Values{column: c.column}, data: data, n: int(entries)}
	if c.column.leaf.PhysicalType() != format.Types.ByteArray {
		if err := c.column.checkFixed(data, entries); err != nil {
			return err
		}
		size := c.column.size()
		d.appendFixed(data[:d.n*size], size)
		c.dictionary = d
		return nil
	}
	for rest := data; len(d.starts) < d.n; {
		d.starts = append(d.starts, uint32(len(data)-len(rest)))
		var err error
		if _, rest, err = splitLength(rest); err != nil {
			return fmt.Errorf("its dictionary of %d entries: %w", entries, err)
		}
	}
	c.dictionary = d
	return nil
}

type indexes struct {
	of   *dictionary
	runs runs
}

// newIndexes opens indexes, preceded by their width in one byte.
func (c *chunk) newIndexes(data []byte, present int64) (*indexes, error) {
	switch {
	case c.dictionary == nil:
		return nil, errors.New("no dictionary comes before them")
	case present == 0:
		return &indexes{}, nil
	case len(data) == 0:
		return nil, errEnds
	case data[0] > 32:
		return nil, fmt.Errorf("indexes of %d bits", data[0])
	}
	return &indexes{c.dictionary, runs{data: data[1:], width: int(data[0])}}, nil
}

func (d *indexes) decode(c *chunk, n int) error {
	c.flags = slices.Grow(c.flags[:0], n)[:n]
	if err := d.runs.read(c.flags); err != nil {
		return err
	}
	for _, i := range c.flags {
		switch {
		case int64(i) >= int64(d.of.n):
			return fmt.Errorf("index %d in a dictionary of %d entries", i, d.of.n)
		case d.of.starts != nil:
			text := d.of.data[d.of.starts[i]:]
			end := 4 + int64(binary.LittleEndian.Uint32(text))
			c.bytes = append(c.bytes, text[4:end:end])
		case d.of.ints != nil:
			c.ints = append(c.ints, d.of.ints[i])
		default:
			c.bytes = append(c.bytes, d.of.bytes[i])
		}
	}
	return nil
}

// split decodes values of a fixed size whose first bytes stand first, then all second bytes, and so on.
type split struct {
	data   []byte
	stride int // values of the page
	at     int
}

func (s *split) decode(c *chunk, n int) error {
	size := c.column.size()
	for i := range n {
		c.piece = c.piece[:0]
		for k := range size {
			c.piece = append(c.piece, s.data[k*s.stride+s.at+i])
		}
		value, err := c.copy(c.piece)
		if err != nil {
			return err
		}
		c.appendFixed(value, size)
	}
	s.at += n
	return nil
}
