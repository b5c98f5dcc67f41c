// A table is a sorted set of entries with a directory, in memory or mapped from a run: what lookups read.
package memory

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

const (
	hiSize    = 8
	restSize  = 24 // Lo, Content, Place
	entrySize = hiSize + restSize

	blockBits    = 15
	blockEntries = 1 << blockBits
	blockMask    = blockEntries - 1
	blockSize    = blockEntries * entrySize

	// maxEntries keeps positions in 32 bits.
	maxEntries = 1<<32 - 1
	maxBits    = 29
	// scanLimit is how many entries of a bucket are compared one after the other; more, and it is searched.
	scanLimit = 64
)

// ErrCorrupt is wrapped by errors about runs whose bytes are not what was written.
var ErrCorrupt = errors.New("corrupt run")

var le = binary.LittleEndian

// table holds n entries sorted by id, unique, in blocks of blockEntries. A block is an array of Hi for as many
// entries as the block has room for (length/entrySize) followed by an array of the rest, so that a lookup which
// finds nothing reads only Hi. dir holds the first position of each bucket, and n at its end, as uint32; the
// bucket of an id is its topmost dirBits bits.
type table struct {
	n       uint32
	dirBits uint8
	level   uint8 // how often its entries were merged within the batch
	dir     []byte
	blocks  [][]byte
	sum     uint64       // checksum of a run's body, as its footer has it
	free    func() error // releases what a mapped table stands on; nil in memory
}

// dirBitsFor chooses four to eight entries a bucket.
func dirBitsFor(n uint64) uint8 {
	b := bits.Len64(n / 4)
	if b > 0 {
		b--
	}
	return uint8(min(b, maxBits))
}

func dirSize(dirBits uint8) int { return (1<<dirBits + 1) * 4 }

func (t *table) close() error {
	if t.free == nil {
		return nil
	}
	free := t.free
	t.free, t.blocks, t.dir, t.n, t.dirBits = nil, nil, nil, 0, 0
	return free()
}

func (t *table) hi(pos uint32) uint64 {
	return le.Uint64(t.blocks[pos>>blockBits][pos&blockMask*hiSize:])
}

func (t *table) rest(pos uint32) []byte {
	b := t.blocks[pos>>blockBits]
	at := len(b)/entrySize*hiSize + int(pos&blockMask)*restSize
	return b[at : at+restSize]
}

func (t *table) entry(pos uint32) Entry {
	r := t.rest(pos)
	return Entry{t.hi(pos), le.Uint64(r), le.Uint64(r[8:]), Place(le.Uint64(r[16:]))}
}

// find looks probes up, which are sorted by id, and calls hit with the index of each that is there and its entry.
func (t *table) find(probes []Entry, hit func(i int, found Entry) error) error {
	if t.n == 0 {
		return nil
	}
	shift := 64 - t.dirBits
	for i := range probes {
		hi := probes[i].Hi
		bounds := le.Uint64(t.dir[hi>>shift*4:])
		from, to := uint32(bounds), uint32(bounds>>32)
		if from == to {
			continue
		}
		if to-from > scanLimit || to > t.n || (from^(to-1))>>blockBits != 0 {
			if err := t.search(i, &probes[i], from, to, hit); err != nil {
				return err
			}
			continue
		}
		at := from & blockMask * hiSize
		his := t.blocks[from>>blockBits][at : at+(to-from)*hiSize]
		for ; len(his) >= hiSize; his = his[hiSize:] {
			if le.Uint64(his) != hi {
				continue
			}
			found := t.entry(to - uint32(len(his)/hiSize))
			if !found.sameID(&probes[i]) {
				continue
			}
			if err := hit(i, found); err != nil {
				return err
			}
		}
	}
	return nil
}

// search is find for one probe in a bucket that is large, torn over two blocks or out of bounds.
func (t *table) search(i int, probe *Entry, from, to uint32, hit func(int, Entry) error) error {
	if from > to || to > t.n {
		return fmt.Errorf("%w: bucket of entries %d to %d out of %d", ErrCorrupt, from, to, t.n)
	}
	for lo, end := from, to; lo < end; {
		mid := lo + (end-lo)/2
		found := t.entry(mid)
		switch {
		case found.sameID(probe):
			return hit(i, found)
		case found.before(probe):
			lo = mid + 1
		default:
			end = mid
		}
	}
	return nil
}
