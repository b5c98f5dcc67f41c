// A builder packs ascending entries into blocks and their directory.

package dedupe

import "fmt"

// builder takes entries in order and hands out full blocks. Its bound is an upper limit on the entries to come:
// it fixes the directory's size, and the room in the last block.
type builder struct {
	bound    uint64
	n        uint64
	dirBits  uint8
	next     uint64 // first bucket without a position
	dir      []byte
	block    []byte
	filled   int // entries in block
	capacity int // entries block has room for
	alloc    func(size int) []byte
	emit     func(block []byte, entries int) error
}

// newBuilder makes a builder that gets the memory of its blocks from take and passes each block on to give with
// the number of entries in it, which is less than its room only for the last.
func newBuilder(bound uint64, alloc func(size int) []byte, emit func(block []byte, entries int) error) (*builder, error) {
	if bound > maxEntries {
		return nil, fmt.Errorf("build table of up to %d entries: the limit is %d", bound, int64(maxEntries))
	}
	b := &builder{bound: bound, dirBits: dirBitsFor(bound), alloc: alloc, emit: emit}
	b.dir = make([]byte, dirSize(b.dirBits))
	return b, nil
}

// add appends an entry, which must come after all before it.
func (b *builder) add(hi, lo, content uint64, place uint64) error {
	if b.filled == b.capacity {
		if err := b.nextBlock(); err != nil {
			return err
		}
	}
	for bucket := hi >> (64 - b.dirBits); b.next <= bucket; b.next++ {
		le.PutUint32(b.dir[b.next*4:], uint32(b.n))
	}
	b.block[b.filled] = byte(hi)
	le.PutUint64(b.block[b.capacity*markSize+b.filled*hiSize:], hi)
	r := b.block[b.capacity*(markSize+hiSize)+b.filled*restSize:][:restSize]
	le.PutUint64(r, lo)
	le.PutUint64(r[8:], content)
	le.PutUint64(r[16:], place)
	b.filled++
	b.n++
	return nil
}

// nextBlock passes the block on and begins the next.
func (b *builder) nextBlock() error {
	if b.filled > 0 {
		if err := b.emit(b.block, b.filled); err != nil {
			return err
		}
	}
	if b.n == b.bound {
		return fmt.Errorf("build table: more than the %d entries expected", b.bound)
	}
	b.capacity, b.filled = int(min(b.bound-b.n, blockEntries)), 0
	b.block = b.alloc(b.capacity * entrySize)
	return nil
}

// finish passes the last block on and completes the directory.
func (b *builder) finish() error {
	if b.filled > 0 {
		if err := b.emit(b.block, b.filled); err != nil {
			return err
		}
	}
	for ; b.next <= 1<<b.dirBits; b.next++ {
		le.PutUint32(b.dir[b.next*4:], uint32(b.n))
	}
	b.block, b.filled, b.capacity = nil, 0, 0
	return nil
}
