// The tables of a batch, merged as they become many and spilled as they become large.

package dedupe

import (
	"errors"
	"fmt"
)

// fanIn is how many tables of one level are merged into one of the next.
const fanIn = 8

// levels contains the tables of a batch; ids are unique over all of them. Tables in memory are merged to keep lookups few, block by block,
// so that a merge needs no second copy; beyond the limit all go to one scratch file.
type levels struct {
	scratch  string
	limit    int64
	newer    Newer    // chooses between entries with one id
	inMemory []*table // by descending level
	spilled  []*table
	blocks   [][]byte // full-size blocks to be reused
}

func (l *levels) all() []*table {
	return append(l.spilled[:len(l.spilled):len(l.spilled)], l.inMemory...)
}

// build adds a table of exactly n entries, which fill adds in order. It merges or spills excess tables only now, since the last table of a
// batch needs neither.
func (l *levels) build(n uint64, fill func(*builder) error) error {
	if size := int64(total(l.inMemory)+n) * entrySize; len(l.inMemory) > 0 && size > max(l.limit, blockSize) {
		if err := l.spill(); err != nil {
			return err
		}
	}
	for n := len(l.inMemory); n >= fanIn && l.inMemory[n-fanIn].level == l.inMemory[n-1].level; n = len(l.inMemory) {
		if err := l.merge(); err != nil {
			return err
		}
	}
	t, err := l.table(n, fill)
	if err != nil {
		return err
	}
	l.inMemory = append(l.inMemory, t)
	return nil
}

func (l *levels) merge() error {
	at := len(l.inMemory) - fanIn
	tables := l.inMemory[at:]
	t, err := l.table(total(tables), newMerger(tables, l.newer, l.recycle).writeTo)
	if err != nil {
		return err
	}
	t.level = tables[0].level + 1
	l.inMemory = append(l.inMemory[:at], t)
	return nil
}

func (l *levels) table(n uint64, fill func(*builder) error) (*table, error) {
	t := &table{}
	b, err := newBuilder(n, l.alloc, func(block []byte, _ int) error {
		t.blocks = append(t.blocks, block)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(fill(b), b.finish()); err != nil {
		return nil, err
	}
	t.n, t.dirBits, t.dir = uint32(b.n), b.dirBits, b.dir
	return t, nil
}

func (l *levels) alloc(size int) []byte {
	if n := len(l.blocks); n > 0 && size == blockSize {
		b := l.blocks[n-1]
		l.blocks = l.blocks[:n-1]
		return b
	}
	return make([]byte, size)
}

func (l *levels) recycle(block []byte) {
	if len(block) == blockSize {
		l.blocks = append(l.blocks, block)
	}
}

// spill moves the tables in memory to one scratch file, and merges spilled tables when there are many.
func (l *levels) spill() error {
	t, err := l.toFile(l.inMemory)
	if err != nil {
		return err
	}
	for _, m := range l.inMemory {
		for _, block := range m.blocks {
			l.recycle(block)
		}
	}
	l.inMemory = nil
	l.spilled = append(l.spilled, t)
	for n := len(l.spilled); n >= fanIn && l.spilled[n-fanIn].level == t.level; n = len(l.spilled) {
		many := l.spilled[n-fanIn:]
		level := t.level + 1
		if t, err = l.toFile(many); err != nil {
			return err
		}
		t.level = level
		err = closeTables(many)
		if l.spilled = append(l.spilled[:n-fanIn], t); err != nil {
			return err
		}
	}
	return nil
}

func (l *levels) toFile(tables []*table) (*table, error) {
	file, err := scratchFile(l.scratch)
	if err != nil {
		return nil, err
	}
	if err := writeTable(file, tables, &TableInfo{}, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("spill batch: %w", err), file.Close())
	}
	t, _, err := openTable(file)
	if err != nil {
		return nil, fmt.Errorf("reopen spilled batch: %w", err)
	}
	return t, nil
}

func (l *levels) close() error {
	err := closeTables(l.spilled)
	l.inMemory, l.spilled, l.blocks = nil, nil, nil
	return err
}
