// Reuses memory: blocks, their texts and scanners.

package scan

import "sync"

// scanner fills blocks from texts.
type scanner interface {
	fill(b *Block, t *text, p int, line int64) (int, int64)
}

// maxOwnedColumn is the largest column, in bytes, that ParseOwned reuses.
const maxOwnedColumn = 8 << 20

// pool contains recycled memory for the next blocks, at most as much as was in use at once.
type pool struct {
	mu       sync.Mutex
	plan     *Plan
	blocks   []*Block
	buffers  [][]byte
	scanners []scanner
	rows     int   // of the largest block so far
	bytes    []int // of its columns
}

// noteSize records how large blocks become, to allocate new ones at full size.
func (m *pool) noteSize(b *Block) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(b.Rows) <= m.rows {
		return
	}
	m.rows, m.bytes = len(b.Rows), make([]int, len(b.Columns))
	for i := range b.Columns {
		m.bytes[i] = len(b.Columns[i].Bytes)
	}
}

// Recycle returns the memory of a block of ParseOwned. The block, and the Raw of its rejects, must not be used afterwards.
func (p *Plan) Recycle(b *Block) {
	b.reset()
	p.blocks.keep(b, maxOwnedColumn)
}

// Recycle returns a block's memory. The block, and the Raw of its rejects, must not be used afterwards.
func (f *File) Recycle(b *Block) {
	if b.text != nil {
		f.release(b.text)
	}
	b.reset()
	f.keep(b, 8*f.options.BlockBytes)
}

// keep keeps a block for reuse, unless one of its columns has more than maxColumn bytes.
func (m *pool) keep(b *Block, maxColumn int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b.small(maxColumn) {
		m.blocks = append(m.blocks, b)
	}
}

// release returns a text's memory once its last user has released it.
func (f *File) release(t *text) {
	if t.refs.Add(-1) > 0 || cap(t.b) > 2*f.options.BlockBytes+1<<10 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.buffers = append(f.buffers, t.b[:0])
}

// small reports whether the block is worth keeping: a block with huge rows is not.
func (b *Block) small(maxColumn int) bool {
	for i := range b.Columns {
		if cap(b.Columns[i].Bytes) > maxColumn {
			return false
		}
	}
	return true
}

func pop[T any](mu *sync.Mutex, items *[]T) (item T, ok bool) {
	mu.Lock()
	defer mu.Unlock()
	n := len(*items) - 1
	if n < 0 {
		return item, false
	}
	item, *items = (*items)[n], (*items)[:n]
	return item, true
}

func (m *pool) block() *Block {
	if b, ok := pop(&m.mu, &m.blocks); ok {
		return b
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	const slack = 32 // a little more, since blocks differ
	b := newBlock(m.plan, m.rows+m.rows/slack)
	for i, size := range m.bytes {
		if b.Columns[i].Type.IsText() {
			b.Columns[i].Bytes = make([]byte, 0, size+size/slack)
		}
	}
	return b
}

func (m *pool) buffer() []byte {
	b, _ := pop(&m.mu, &m.buffers)
	return b
}

func (m *pool) keepScanner(s scanner) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.scanners = append(m.scanners, s)
}
