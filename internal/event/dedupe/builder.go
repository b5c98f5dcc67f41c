// Packs ascending entries into blocks and their directory.

package dedupe

import "fmt"

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
