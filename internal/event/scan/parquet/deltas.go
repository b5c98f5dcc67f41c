// Delta-encoded sequences in Parquet pages: numbers, and the lengths of texts.

package parquet

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// maxDeltaBlock bounds the values of a block. Writers make 128 to 2048.
const maxDeltaBlock = 1 << 16

// deltas reads a sequence of DELTA_BINARY_PACKED: a header, then blocks of miniblocks of packed differences.
type deltas struct {
	data   []byte // after the current miniblock
	minis  int    // miniblocks of a block
	size   int    // values of a miniblock
	left   int64  // differences after the current miniblock
	value  int64  // the next value, until first is false; then the last one
	first  bool
	least  int64  // least difference of the block
	widths []byte // of the block's next miniblocks
	packed []byte // the current miniblock: at of n differences were read
	width  int
	at, n  int64
}

// openDeltas parses a header. According to "Encodings", DELTA_BINARY_PACKED, the block size is a multiple of 128 values and of the
// miniblock size, which is a multiple of 32. A page without values may be empty.
func openDeltas(data []byte, total int64) (d deltas, err error) {
	if total == 0 && len(data) == 0 {
		return d, nil
	}
	var head [3]uint64
	for i := range head {
		n, size := binary.Uvarint(data)
		if size <= 0 {
			return d, errEnds
		}
		head[i], data = n, data[size:]
	}
	first, size := binary.Varint(data)
	switch {
	case size <= 0:
		return d, errEnds
	case head[0] == 0 || head[0]%128 != 0 || head[0] > maxDeltaBlock:
		return d, fmt.Errorf("blocks of %d values", head[0])
	case head[1] == 0 || head[0]%head[1] != 0 || head[0]/head[1]%32 != 0:
		return d, fmt.Errorf("blocks of %d values in %d miniblocks", head[0], head[1])
	case head[2] != uint64(total):
		return d, fmt.Errorf("the page has %d values, they are %d", total, head[2])
	}
	return deltas{data: data[size:], minis: int(head[1]), size: int(head[0] / head[1]), left: max(0, total-1), value: first, first: true}, nil
}

// begin starts the next miniblock. The last one may end after its last wanted value.
func (d *deltas) begin() error {
	if d.left == 0 {
		return errEnds
	}
	if len(d.widths) == 0 {
		least, size := binary.Varint(d.data)
		if size <= 0 || len(d.data)-size < d.minis {
			return errEnds
		}
		d.least, d.widths, d.data = least, d.data[size:size+d.minis], d.data[size+d.minis:]
	}
	d.width, d.widths = int(d.widths[0]), d.widths[1:]
	if d.width > 64 {
		return fmt.Errorf("differences of %d bits", d.width)
	}
	d.at, d.n = 0, min(d.left, int64(d.size))
	if d.n*int64(d.width) > int64(len(d.data))*8 || d.n < d.left && d.size*d.width/8 > len(d.data) {
		return errEnds
	}
	used := min(len(d.data), d.size*d.width/8)
	d.packed, d.data, d.left = d.data[:used], d.data[used:], d.left-d.n
	return nil
}

// rest returns what follows the sequence.
func (d deltas) rest() ([]byte, error) {
	for d.left > 0 {
		if err := d.begin(); err != nil {
			return nil, err
		}
	}
	return d.data, nil
}

// read reads values, which wrap around as 64-bit numbers do.
func (d *deltas) read(dst []int64) error {
	if d.first && len(dst) > 0 {
		d.first, dst[0] = false, d.value
		dst = dst[1:]
	}
	for len(dst) > 0 {
		if d.at == d.n {
			if err := d.begin(); err != nil {
				return err
			}
		}
		n := min(int64(len(dst)), d.n-d.at)
		for i := range dst[:n] {
			d.value += d.least + int64(bitsAt(d.packed, (d.at+int64(i))*int64(d.width), d.width))
			dst[i] = d.value
		}
		d.at, dst = d.at+n, dst[n:]
	}
	return nil
}

type deltaInts struct{ deltas }

func (d *deltaInts) decode(c *chunk, n int) error {
	at := len(c.ints)
	c.ints = slices.Grow(c.ints, n)[:at+n]
	if err := d.read(c.ints[at:]); err != nil {
		return err
	}
	if c.column.size() == 4 {
		for i, x := range c.ints[at:] {
			c.ints[at+i] = c.column.int32(int32(x))
		}
	}
	return nil
}

// deltaTexts decodes DELTA_LENGTH_BYTE_ARRAY: a sequence of lengths, followed by the texts.
type deltaTexts struct {
	lengths deltas
	data    []byte
	sizes   []int64
}

func newDeltaTexts(data []byte, present int64) (d *deltaTexts, err error) {
	d = &deltaTexts{}
	if d.lengths, err = openDeltas(data, present); err == nil {
		d.data, err = d.lengths.rest()
	}
	if err != nil {
		return nil, fmt.Errorf("lengths: %w", err)
	}
	return d, nil
}

func (d *deltaTexts) decode(c *chunk, n int) error {
	return d.each(n, func(_ int, text []byte) error {
		c.bytes = append(c.bytes, text)
		return nil
	})
}

// each calls do with the next n texts.
func (d *deltaTexts) each(n int, do func(i int, text []byte) error) error {
	d.sizes = slices.Grow(d.sizes[:0], n)[:n]
	if err := d.lengths.read(d.sizes); err != nil {
		return fmt.Errorf("lengths: %w", err)
	}
	for i, n := range d.sizes {
		size := int64(int32(n)) // lengths wrap around as 32-bit numbers do
		switch {
		case size < 0:
			return fmt.Errorf("lengths: a text of %d bytes", size)
		case size > int64(len(d.data)):
			return fmt.Errorf("a text of %d bytes, and %d are left", size, len(d.data))
		}
		if err := do(i, d.data[:size:size]); err != nil {
			return err
		}
		d.data = d.data[size:]
	}
	return nil
}

// sharedTexts decodes DELTA_BYTE_ARRAY: a sequence of the lengths shared with the preceding text, followed by the rest of each text. Some
// writers share between pages.
type sharedTexts struct {
	deltaTexts
	prefixes deltas
	shared   []int64
}

func newSharedTexts(data []byte, present int64) (*sharedTexts, error) {
	prefixes, err := openDeltas(data, present)
	if err == nil {
		data, err = prefixes.rest()
	}
	if err != nil {
		return nil, fmt.Errorf("shared lengths: %w", err)
	}
	d, err := newDeltaTexts(data, present)
	if err != nil {
		return nil, err
	}
	return &sharedTexts{deltaTexts: *d, prefixes: prefixes}, nil
}

func (d *sharedTexts) decode(c *chunk, n int) error {
	d.shared = slices.Grow(d.shared[:0], n)[:n]
	if err := d.prefixes.read(d.shared); err != nil {
		return fmt.Errorf("shared lengths: %w", err)
	}
	return d.each(n, func(i int, text []byte) (err error) {
		shared := int64(int32(d.shared[i]))
		if shared < 0 || shared > int64(len(c.last)) {
			return fmt.Errorf("a text shares %d bytes of one of %d", shared, len(c.last))
		}
		if c.last, err = c.copy(c.last[:shared], text); err == nil {
			c.bytes = append(c.bytes, c.last)
		}
		return err
	})
}
