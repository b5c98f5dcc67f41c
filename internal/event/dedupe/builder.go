// A builder packs ascending entries into blocks and their directory.

package dedupe

import "fmt"

// builder takes entries in order and hands out full blocks. Its bound is an upper limit on the entries to come:
// it fixes the directory's size, and the room in the last block.
type builder struct {
	bound   uint64
	n       uint64
	dirBits uint8
	next    uint64 // first bucket without a position
	dir     []byte
	block   []byte
	in      int // entries in block
	room    int // entries block has room for
	take    func(size int) []byte
	give    func(block []byte, entries int) error
}

// newBuilder makes a builder that gets the memory of its blocks from take and passes each block on to give with
// the number of entries in it, which is less than its room only for the last.
func newBuilder(bound uint64, take func(size int) []byte, give func(block []byte, entries int) error) (*builder, error) {
	if bound > maxEntries {
		return nil, fmt.Errorf("build table of up to %d entries: the limit is %d", bound, int64(maxEntries))
	}
	b := &builder{bound: bound, dirBits: dirBitsFor(bound), take: take, give: give}
	b.dir = make([]byte, dirSize(b.dirBits))
	return b, nil
}

// add appends an entry, which must come after all before it.
func (b *builder) add(hi, lo, content uint64, place uint64) error {
	if b.in == b.room {
		if err := b.turn(); err != nil {
			return err
		}
	}
	for bucket := hi >> (64 - b.dirBits); b.next <= bucket; b.next++ {
		le.PutUint32(b.dir[b.next*4:], uint32(b.n))
	}
	b.block[b.in] = byte(hi)
	le.PutUint64(b.block[b.room*markSize+b.in*hiSize:], hi)
	r := b.block[b.room*(markSize+hiSize)+b.in*restSize:][:restSize]
	le.PutUint64(r, lo)
	le.PutUint64(r[8:], content)
	le.PutUint64(r[16:], place)
	b.in++
	b.n++
	return nil
}

// turn passes the block on and begins the next.
func (b *builder) turn() error {
	if b.in > 0 {
		if err := b.give(b.block, b.in); err != nil {
			return err
		}
	}
	if b.n == b.bound {
		return fmt.Errorf("build table: more than the %d entries expected", b.bound)
	}
	b.room, b.in = int(min(b.bound-b.n, blockEntries)), 0
	b.block = b.take(b.room * entrySize)
	return nil
}

// finish passes the last block on and completes the directory.
func (b *builder) finish() error {
	if b.in > 0 {
		if err := b.give(b.block, b.in); err != nil {
			return err
		}
	}
	for ; b.next <= 1<<b.dirBits; b.next++ {
		le.PutUint32(b.dir[b.next*4:], uint32(b.n))
	}
	b.block, b.in, b.room = nil, 0, 0
	return nil
}
