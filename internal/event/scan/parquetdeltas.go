// Delta-encoded sequences in Parquet pages: numbers, and the lengths of texts.

package scan

import (
	"encoding/binary"
	"fmt"
)

const (
	// maxDeltaBlock bounds the values of a block. Writers make 128 to 2048.
	maxDeltaBlock = 1 << 16
	// maxDeltaTexts bounds the texts of a page: the library allocates their lengths at once, and equal lengths need no bytes.
	maxDeltaTexts = 1 << 25
	// maxSharedBytes bounds what a batch of texts may share with preceding texts.
	maxSharedBytes = 1 << 28
)

// deltas is a sequence of DELTA_BINARY_PACKED: a header, then blocks of miniblocks of packed differences.
type deltas struct {
	data  []byte // blocks
	minis int    // miniblocks of a block
	size  int    // values of a miniblock
	total int64
	first int64
}

// openDeltas parses a header. According to "Encodings", DELTA_BINARY_PACKED, the block size is a multiple of 128 values and of the miniblock size, which is a
// multiple of 32.
func openDeltas(data []byte, total int64) (*deltas, error) {
	var head [3]uint64
	for i := range head {
		n, size := binary.Uvarint(data)
		if size <= 0 {
			return nil, errEnds
		}
		head[i], data = n, data[size:]
	}
	first, size := binary.Varint(data)
	switch {
	case size <= 0:
		return nil, errEnds
	case head[0] == 0 || head[0]%128 != 0 || head[0] > maxDeltaBlock:
		return nil, fmt.Errorf("blocks of %d values", head[0])
	case head[1] == 0 || head[0]%head[1] != 0 || head[0]/head[1]%32 != 0:
		return nil, fmt.Errorf("blocks of %d values in %d miniblocks", head[0], head[1])
	case head[2] != uint64(total):
		return nil, fmt.Errorf("the page has %d values, they are %d", total, head[2])
	}
	return &deltas{data: data[size:], minis: int(head[1]), size: int(head[0] / head[1]), total: total, first: first}, nil
}

// walk visits all blocks and returns what follows them. If do is not nil, it gets the values as the library computes them; otherwise the last miniblock may
// be incomplete.
func (d *deltas) walk(do func(int64) error) (rest []byte, err error) {
	value, left := d.first, d.total-1
	if do != nil && d.total > 0 {
		if err := do(value); err != nil {
			return nil, err
		}
	}
	for data := d.data; ; {
		if left <= 0 {
			return data, nil
		}
		least, size := binary.Varint(data)
		if size <= 0 || len(data)-size < d.minis {
			return nil, errEnds
		}
		widths := data[size : size+d.minis]
		data = data[size+d.minis:]
		for i := 0; i < d.minis && left > 0; i++ {
			n, width := min(left, int64(d.size)), int(widths[i])
			used := d.size * width / 8
			switch {
			case width > 64:
				return nil, fmt.Errorf("differences of %d bits", width)
			case used > len(data) && do == nil && n == left && n*int64(width) <= int64(len(data))*8:
				return nil, nil
			case used > len(data):
				return nil, errEnds
			}
			if do != nil {
				if value, err = d.unpack(data, n, width, value, least, do); err != nil {
					return nil, err
				}
			}
			data, left = data[used:], left-n
		}
	}
}

// unpack passes on the next n values, and returns the last one.
func (d *deltas) unpack(data []byte, n int64, width int, value, least int64, do func(int64) error) (int64, error) {
	for i := range n {
		value += least + int64(bitsAt(data, i*int64(width), width))
		if err := do(value); err != nil {
			return 0, err
		}
	}
	return value, nil
}

// validateDeltas validates a sequence of numbers. A page without values may be empty.
func validateDeltas(data []byte, present int64) error {
	if present == 0 && len(data) == 0 {
		return nil
	}
	d, err := openDeltas(data, present)
	if err == nil {
		_, err = d.walk(nil)
	}
	return err
}

// validateDeltaTexts validates DELTA_LENGTH_BYTE_ARRAY, a sequence of lengths followed by the texts; or, if last is not nil, DELTA_BYTE_ARRAY, which is
// preceded by a sequence of the lengths shared with the preceding text. last is the length of the preceding text, and is set to that of the page's
// last text: some writers share between pages, and the library reads them so.
func validateDeltaTexts(data []byte, present int64, last *int64) error {
	if present == 0 && len(data) == 0 {
		return nil
	}
	if present > maxDeltaTexts {
		return fmt.Errorf("%d texts in a page, more than %d", present, maxDeltaTexts)
	}
	var prefixes []int32
	if last != nil {
		d, err := openDeltas(data, present)
		if err != nil {
			return fmt.Errorf("shared lengths: %w", err)
		}
		prefixes = make([]int32, 0, min(present, maxDeltaBlock))
		if data, err = d.walk(func(n int64) error {
			prefixes = append(prefixes, int32(n)) // as the library does; validated against the preceding text
			return nil
		}); err != nil {
			return fmt.Errorf("shared lengths: %w", err)
		}
	}
	d, err := openDeltas(data, present)
	if err != nil {
		return fmt.Errorf("lengths: %w", err)
	}
	return d.texts(prefixes, last)
}

// texts validates that the texts of these lengths exist, and that no more is shared than the preceding text has.
func (d *deltas) texts(prefixes []int32, last *int64) error {
	var at int
	var bytes, repeated int64
	rest, err := d.walk(func(n int64) error {
		length := int64(int32(n)) // as the library does
		if length < 0 {
			return fmt.Errorf("a text of %d bytes", length)
		}
		bytes += length
		if prefixes == nil {
			return nil
		}
		prefix := int64(prefixes[at])
		if prefix < 0 || prefix > *last {
			return fmt.Errorf("a text shares %d bytes of one of %d", prefix, *last)
		}
		if at%maxBatch == 0 {
			repeated = 0
		}
		at, *last, repeated = at+1, prefix+length, repeated+prefix
		if repeated > maxSharedBytes {
			return fmt.Errorf("%d texts repeat more than %d bytes", maxBatch, maxSharedBytes)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("lengths: %w", err)
	}
	if bytes > int64(len(rest)) {
		return fmt.Errorf("texts of %d bytes, and %d are left", bytes, len(rest))
	}
	return nil
}
