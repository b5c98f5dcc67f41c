// Runs of Parquet's RLE/bit-packing hybrid: definition levels, dictionary indexes, bools.

package scan

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// run is n numbers of a hybrid: one repeated value, or packed numbers.
type run struct {
	n      int64
	value  uint64
	packed []byte // nil for a repeated value; contains at least n numbers
}

// eachRun visits the runs of the first want numbers, each of width bits (at most 32). According to "Encodings", RLE, a run starts with a number whose lowest bit
// is its kind: 0 is a count and a value in whole bytes, 1 a count of groups of eight packed numbers. Writers shorten the last group, so only the
// bits of wanted numbers must exist.
func eachRun(data []byte, width int, want int64, do func(run) error) error {
	for want > 0 {
		head, size := binary.Uvarint(data)
		if size <= 0 {
			return errEnds
		}
		data = data[size:]
		var r run
		var used int64
		if head&1 == 0 {
			r.n, used = int64(head>>1), int64(width+7)/8
			if used > int64(len(data)) {
				return errEnds
			}
			r.value = wholeBytes(data, used)
		} else {
			r.n, r.packed = int64(min(head>>1, math.MaxInt32/8+1))*8, data
			used = min(int64(len(data)), r.n*int64(width)/8)
		}
		if r.n <= 0 || r.n > math.MaxInt32 {
			return fmt.Errorf("a run of length %d", head>>1)
		}
		r.n = min(r.n, want)
		if r.packed != nil && r.n*int64(width) > int64(len(data))*8 {
			return errEnds
		}
		if err := do(r); err != nil {
			return err
		}
		data, want = data[used:], want-r.n
	}
	return nil
}

// wholeBytes parses a little-endian number. For size 0 the library returns the next byte.
func wholeBytes(data []byte, size int64) (n uint64) {
	if size == 0 && len(data) > 0 {
		return uint64(data[0])
	}
	for i := size - 1; i >= 0; i-- {
		n = n<<8 | uint64(data[i])
	}
	return n
}

// countPresent counts the definition levels, of one bit, that mean that a row has a value.
func countPresent(data []byte, rows int64) (present int64, err error) {
	err = eachRun(data, 1, rows, func(r run) error {
		switch {
		case r.packed != nil:
			for _, b := range r.packed[:r.n/8] {
				present += int64(bits.OnesCount8(b))
			}
			if rest := r.n % 8; rest > 0 {
				present += int64(bits.OnesCount8(r.packed[r.n/8] << (8 - rest)))
			}
		case r.value == 1:
			present += r.n
		}
		return nil
	})
	return present, err
}

// validateBools validates bools in runs, preceded by their length in bytes.
func validateBools(data []byte, present int64) error {
	if present == 0 {
		return nil
	}
	runs, _, err := splitLength(data)
	if err != nil {
		return err
	}
	return eachRun(runs, 1, present, func(run) error { return nil })
}

// validateIndexes validates that all indexes, preceded by their width in one byte, are below the number of dictionary entries.
func validateIndexes(data []byte, present int64, entries int) error {
	switch {
	case entries < 0:
		return errors.New("no dictionary comes before them")
	case present == 0:
		return nil
	case len(data) == 0:
		return errEnds
	}
	width, limit := int(data[0]), uint64(entries)
	if width > 32 {
		return fmt.Errorf("indexes of %d bits", width)
	}
	return eachRun(data[1:], width, present, func(r run) error {
		most := r.value
		if r.packed != nil && uint64(1)<<width > limit {
			most = 0
			for i := range r.n {
				most = max(most, bitsAt(r.packed, i*int64(width), width))
			}
		}
		if most >= limit || width == 0 && most > 0 {
			return fmt.Errorf("index %d in a dictionary of %d entries", most, entries)
		}
		return nil
	})
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
		n = wholeBytes(data, int64(len(data)))
	}
	n >>= shift
	if shift+width > 64 {
		n |= uint64(data[8]) << (64 - shift)
	}
	return n & (math.MaxUint64 >> (64 - width))
}
