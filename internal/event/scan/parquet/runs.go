// Runs of Parquet's RLE/bit-packing hybrid: definition levels, dictionary indexes, bools.

package parquet

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
)

// runs reads a hybrid of numbers of some bits, at most 32. According to "Encodings", RLE, a run starts with a number whose lowest bit is
// its kind: 0 is a count and a value in whole bytes, 1 a count of groups of eight packed numbers. Writers shorten the last group, so only
// the bits of wanted numbers must exist.
type runs struct {
	data   []byte // after the current run
	width  int
	value  uint32 // of a repeated value
	packed []byte // nil for a repeated value
	at, n  int64  // of the current run: numbers that were read, and all
}

func (r *runs) begin() error {
	head, size := binary.Uvarint(r.data)
	if size <= 0 {
		return errEnds
	}
	r.data, r.packed, r.at = r.data[size:], nil, 0
	var used int64
	if head&1 == 0 {
		r.n, used = int64(head>>1), int64(r.width+7)/8
		if used > int64(len(r.data)) {
			return errEnds
		}
		r.value = uint32(littleEndian(r.data[:used]))
	} else {
		r.n = int64(min(head>>1, math.MaxInt32/8+1)) * 8
		used = min(int64(len(r.data)), r.n*int64(r.width)/8)
		r.packed = r.data[:used:used]
	}
	if r.n <= 0 || r.n > math.MaxInt32 {
		return fmt.Errorf("a run of length %d", head>>1)
	}
	r.data = r.data[used:]
	return nil
}

// take returns how many of the next numbers are in the same run: at least one, at most want. They have been read.
func (r *runs) take(want int64) (from, n int64, err error) {
	if r.at == r.n {
		if err := r.begin(); err != nil {
			return 0, 0, err
		}
	}
	from, n = r.at, min(want, r.n-r.at)
	if r.packed != nil && (from+n)*int64(r.width) > int64(len(r.packed))*8 {
		return 0, 0, errEnds
	}
	r.at += n
	return from, n, nil
}

func (r *runs) read(dst []uint32) error {
	for len(dst) > 0 {
		from, n, err := r.take(int64(len(dst)))
		if err != nil {
			return err
		}
		for i := range dst[:n] {
			if dst[i] = r.value; r.packed != nil {
				dst[i] = uint32(bitsAt(r.packed, (from+int64(i))*int64(r.width), r.width))
			}
		}
		dst = dst[n:]
	}
	return nil
}

// countOnes counts how many of the next numbers of one bit are 1.
func (r runs) countOnes(numbers int64) (ones int64, err error) {
	for numbers > 0 {
		_, n, err := r.take(numbers) // from its start on
		switch {
		case err != nil:
			return 0, err
		case r.packed != nil:
			for _, b := range r.packed[:n/8] {
				ones += int64(bits.OnesCount8(b))
			}
			if rest := n % 8; rest > 0 {
				ones += int64(bits.OnesCount8(r.packed[n/8] << (8 - rest)))
			}
		case r.value == 1:
			ones += n
		}
		numbers -= n
	}
	return ones, nil
}

// littleEndian parses a number of up to eight bytes.
func littleEndian(b []byte) (n uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		n = n<<8 | uint64(b[i])
	}
	return n
}

// bitsAt reads width bits from bit at on, lowest first. They must exist.
func bitsAt(data []byte, at int64, width int) (n uint64) {
	if width == 0 {
		return 0
	}
	data = data[at/8:]
	shift := int(at % 8)
	if len(data) >= 8 {
		n = binary.LittleEndian.Uint64(data)
	} else {
		n = littleEndian(data)
	}
	n >>= shift
	if shift+width > 64 {
		n |= uint64(data[8]) << (64 - shift)
	}
	return n & (math.MaxUint64 >> (64 - width))
}
