// Tables: sorted sets of entries with a directory, in memory or mapped from an object, and how they are built.

package dedupe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

const (
	markSize  = 1
	hiSize    = 8
	restSize  = 24 // Lo, Content, Place
	entrySize = markSize + hiSize + restSize

	blockBits    = 15
	blockEntries = 1 << blockBits
	blockMask    = blockEntries - 1
	blockSize    = blockEntries * entrySize

	// maxEntries keeps positions in 32 bits.
	maxEntries = 1<<32 - 1
	maxBits    = 30
	// scanLimit is how many entries of a bucket are scanned; a larger bucket is searched. A scan reads eight marks at once: every block,
	// however small, has eight readable bytes from any mark on.
	scanLimit = 64
	atOnce    = 8
)

// ErrCorrupt is wrapped by errors about tables whose bytes are not what was written.
var ErrCorrupt = errors.New("corrupt table")

var le = binary.LittleEndian

// table contains n entries sorted by id, unique, in blocks of blockEntries. A block has a capacity of length/entrySize entries, and consists of three
// arrays: marks (the lowest byte of Hi), Hi, and the rest, so that a lookup without a match reads little more than marks. dir contains the
// first position of each bucket, then n, as uint32; the bucket of an id is its topmost dirBits bits.
type table struct {
	n       uint32
	dirBits uint8
	level   uint8 // how often its entries were merged within the batch
	dir     []byte
	blocks  [][]byte
	dirAt   uint64       // offset of the directory in a mapped table
	pages   *pages       // checks the bytes of a mapped table before they are read; nil in memory and in version 1
	sum     uint64       // the checksum in a table's footer
	free    func() error // unmaps a mapped object; nil in memory
	info    TableInfo    // of an object
}

// dirBitsFor chooses two to four entries per bucket, so that few buckets have more than a scan reads at once.
func dirBitsFor(n uint64) uint8 {
	if n <= 4 {
		return 0
	}
	return uint8(min(bits.Len64((n-1)/4), maxBits))
}

func dirSize(dirBits uint8) int { return (1<<dirBits + 1) * 4 }

func closeTables(tables []*table) (err error) {
	for _, t := range tables {
		err = errors.Join(err, t.close())
	}
	return err
}

func (t *table) close() error {
	if t.free == nil {
		return nil
	}
	free := t.free
	t.free, t.blocks, t.dir, t.pages, t.n, t.dirBits = nil, nil, nil, nil, 0, 0
	return free()
}

func (t *table) entry(pos uint32) Entry {
	b, at := t.blocks[pos>>blockBits], int(pos&blockMask)
	capacity := len(b) / entrySize
	r := b[capacity*(markSize+hiSize)+at*restSize:][:restSize]
	return Entry{le.Uint64(b[capacity*markSize+at*hiSize:]), le.Uint64(r), le.Uint64(r[8:]), Place(le.Uint64(r[16:]))}
}

// checkedEntry is entry with a check of the bytes of a mapped table.
func (t *table) checkedEntry(pos uint32) (Entry, error) {
	if t.pages != nil {
		block, at := uint64(pos>>blockBits), uint64(pos&blockMask)
		start, capacity := block*blockSize, uint64(len(t.blocks[block])/entrySize)
		if err := t.pages.check(start+capacity*markSize+at*hiSize, hiSize); err != nil {
			return Entry{}, err
		}
		if err := t.pages.check(start+capacity*(markSize+hiSize)+at*restSize, restSize); err != nil {
			return Entry{}, err
		}
	}
	return t.entry(pos), nil
}

// checkMarks checks the bytes of a mapped table that contain n marks from a position on.
func (t *table) checkMarks(pos uint32, n uint64) error {
	at := uint64(pos>>blockBits)*blockSize + uint64(pos&blockMask)
	if t.pages == nil || t.pages.compared(at) && t.pages.compared(at+n-1) {
		return nil
	}
	return t.pages.check(at, n)
}

// find looks up probes, preferably sorted by id, and calls hit with the index of each that exists and its entry.
func (t *table) find(probes []Entry, hit func(i int, found Entry) error) error {
	if t.n == 0 {
		return nil
	}
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	shift := 64 - t.dirBits
	for i := range probes {
		hi := probes[i].Hi
		if at := t.dirAt + hi>>shift*4; t.pages != nil && (!t.pages.compared(at) || !t.pages.compared(at+7)) {
			if err := t.pages.check(at, 8); err != nil {
				return err
			}
		}
		bounds := le.Uint64(t.dir[hi>>shift*4:])
		from, to := uint32(bounds), uint32(bounds>>32)
		if to-from <= atOnce && to <= t.n && from&blockMask <= blockEntries-atOnce && from < to {
			if err := t.checkMarks(from, atOnce); err != nil {
				return err
			}
			// A zero byte of x is an equal mark. The trick may report a byte above a true one falsely, so what
			// it finds is only a reason to look closer.
			x := le.Uint64(t.blocks[from>>blockBits][from&blockMask:]) ^ (hi & 0xff * ones)
			if (x-ones)&^x&(tops>>((atOnce-(to-from))*8)) == 0 {
				continue
			}
		}
		if err := t.findInBucket(i, &probes[i], from, to, hit); err != nil {
			return err
		}
	}
	return nil
}

// findInBucket is find for one probe in a bucket of any size.
func (t *table) findInBucket(i int, probe *Entry, from, to uint32, hit func(int, Entry) error) error {
	if from > to || to > t.n {
		return fmt.Errorf("%w: bucket of entries %d to %d out of %d", ErrCorrupt, from, to, t.n)
	}
	for to-from > scanLimit {
		mid := from + (to-from)/2
		found, err := t.checkedEntry(mid)
		if err != nil {
			return err
		}
		if probe.before(&found) {
			to = mid
		} else {
			from = mid
		}
	}
	for pos := from; pos < to; pos++ {
		if err := t.checkMarks(pos, 1); err != nil {
			return err
		}
		if t.blocks[pos>>blockBits][pos&blockMask] != byte(probe.Hi) {
			continue
		}
		found, err := t.checkedEntry(pos)
		if err != nil {
			return err
		}
		if found.sameID(probe) {
			return hit(i, found)
		}
	}
	return nil
}

// builder receives entries in order and emits full blocks. bound is an upper limit on the entries to come: it fixes the directory's size and the
// capacity of the last block.
type builder struct {
	bound    uint64
	n        uint64
	dirBits  uint8
	next     uint64 // first bucket without a position
	dir      []byte
	block    []byte
	filled   int // entries in block
	capacity int // entries that block can contain
	alloc    func(size int) []byte
	emit     func(block []byte, entries int) error
}

// newBuilder returns a builder that allocates blocks with alloc and passes each to emit with its number of entries, which is less than its capacity
// only in the last block.
func newBuilder(bound uint64, alloc func(size int) []byte, emit func(block []byte, entries int) error) (*builder, error) {
	if bound > maxEntries {
		return nil, fmt.Errorf("build table of up to %d entries: the limit is %d", bound, int64(maxEntries))
	}
	b := &builder{bound: bound, dirBits: dirBitsFor(bound), alloc: alloc, emit: emit}
	b.dir = make([]byte, dirSize(b.dirBits))
	return b, nil
}

// add appends an entry, which must come after all earlier ones.
func (b *builder) add(e *Entry) error {
	if b.filled == b.capacity {
		if err := b.nextBlock(); err != nil {
			return err
		}
	}
	for bucket := e.Hi >> (64 - b.dirBits); b.next <= bucket; b.next++ {
		le.PutUint32(b.dir[b.next*4:], uint32(b.n))
	}
	b.block[b.filled] = byte(e.Hi)
	le.PutUint64(b.block[b.capacity*markSize+b.filled*hiSize:], e.Hi)
	r := b.block[b.capacity*(markSize+hiSize)+b.filled*restSize:][:restSize]
	le.PutUint64(r, e.Lo)
	le.PutUint64(r[8:], e.Content)
	le.PutUint64(r[16:], uint64(e.Place))
	b.filled++
	b.n++
	return nil
}

func (b *builder) emitBlock() error {
	if b.filled == 0 {
		return nil
	}
	return b.emit(b.block, b.filled)
}

func (b *builder) nextBlock() error {
	if err := b.emitBlock(); err != nil {
		return err
	}
	if b.n == b.bound {
		return fmt.Errorf("build table: more than the %d entries expected", b.bound)
	}
	b.capacity, b.filled = int(min(b.bound-b.n, blockEntries)), 0
	b.block = b.alloc(b.capacity * entrySize)
	return nil
}

// finish emits the last block and completes the directory.
func (b *builder) finish() error {
	if err := b.emitBlock(); err != nil {
		return err
	}
	for ; b.next <= 1<<b.dirBits; b.next++ {
		le.PutUint32(b.dir[b.next*4:], uint32(b.n))
	}
	b.block, b.filled, b.capacity = nil, 0, 0
	return nil
}
