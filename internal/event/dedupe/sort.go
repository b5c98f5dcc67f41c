// Sorts a segment by id, stable by arrival.

package dedupe

import (
	"cmp"
	"math/bits"
	"slices"
)

const (
	radixBits = 11
	radixSize = 1 << radixBits
	radixMask = radixSize - 1
)

// sorter sorts a segment. A key is the top bits of Hi with the index of the entry in place of the bottom bits, so that eight bytes are
// moved per entry and comparing keys is stable.
type sorter struct {
	keys, spare []uint64
}

// sort returns the order of the segment by (Hi, Lo, arrival) as keys, and the mask that extracts the index from a key.
func (s *sorter) sort(segment []Entry) (keys []uint64, mask uint64) {
	n := len(segment)
	mask = 1<<bits.Len(uint(max(n-1, 0))) - 1
	s.keys, s.spare = slices.Grow(s.keys[:0], n)[:n], slices.Grow(s.spare[:0], n)[:n]
	var low, high [radixSize]uint32
	for i := range segment {
		hi := segment[i].Hi
		s.keys[i] = hi&^mask | uint64(i)
		low[hi>>(64-2*radixBits)&radixMask]++
		high[hi>>(64-radixBits)]++
	}
	scatter(s.spare, s.keys, &low, 64-2*radixBits)
	scatter(s.keys, s.spare, &high, 64-radixBits)
	exchange(s.keys)
	s.sortTies(segment, s.keys, mask)
	return s.keys, mask
}

// scatter moves keys from one slice to another by the radix digit at shift, whose counts are given, keeping equal digits in order.
func scatter(to, from []uint64, counts *[radixSize]uint32, shift uint) {
	var sum uint32
	for i, c := range counts {
		counts[i] = sum
		sum += c
	}
	for _, k := range from {
		d := k >> shift & radixMask
		to[counts[d]] = k
		counts[d]++
	}
}

// exchange finishes keys that are sorted by their top bits, by exchanging neighbours, unless too many share them.
func exchange(keys []uint64) {
	const maxShift = 32
	for i := 1; i < len(keys); i++ {
		k := keys[i]
		if keys[i-1] <= k {
			continue
		}
		j := i
		for ; j > 0 && keys[j-1] > k; j-- {
			if i-j == maxShift {
				keys[j] = k
				slices.Sort(keys)
				return
			}
			keys[j] = keys[j-1]
		}
		keys[j] = k
	}
}

// sortTies orders entries whose keys differ only by arrival: equal ids, or ids with equal top bits.
func (s *sorter) sortTies(segment []Entry, keys []uint64, mask uint64) {
	for i := 0; i < len(keys); {
		j := i + 1
		for j < len(keys) && keys[j]&^mask == keys[i]&^mask {
			j++
		}
		if j-i > 1 {
			slices.SortFunc(keys[i:j], func(a, b uint64) int {
				x, y := &segment[a&mask], &segment[b&mask]
				return cmp.Or(cmp.Compare(x.Hi, y.Hi), cmp.Compare(x.Lo, y.Lo), cmp.Compare(a, b))
			})
		}
		i = j
	}
}
