// Memory that goes round: blocks, their texts and scanners.

package scan

import "sync"

// scanner fills blocks from texts.
type scanner interface {
	fill(b *Block, t *text, p int, line int64) (int, int64)
}

// maxOwnedColumn is the largest column in bytes that ParseOwned uses again.
const maxOwnedColumn = 8 << 20

// pool keeps what the caller gave back, for the next block. It holds as much as was in use at once.
type pool struct {
	mu       sync.Mutex
	plan     *Plan
	blocks   []*Block
	buffers  [][]byte
	scanners []scanner
	rows     int   // of the largest block so far
	bytes    []int // of its columns
}

// noteSize notes how large blocks become, so that a new one need not grow to it step by step.
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

// Recycle gives the memory of a block of ParseOwned back. The block, and the Raw of its rejects, must not be used after.
func (p *Plan) Recycle(b *Block) {
	b.reset()
	p.blocks.keep(b, maxOwnedColumn)
}

// Recycle gives a block's memory back. The block, and the Raw of its rejects, must not be used after.
func (f *File) Recycle(b *Block) {
	if b.text != nil {
		f.release(b.text)
	}
	b.reset()
	f.keep(b, 8*f.options.BlockBytes)
}

// keep keeps a block for the next one who needs one, unless a column of it has more than so many bytes.
func (m *pool) keep(b *Block, maxColumn int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b.small(maxColumn) {
		m.blocks = append(m.blocks, b)
	}
}

// release gives a text's memory back when its last user has.
func (f *File) release(t *text) {
	if t.refs.Add(-1) > 0 || cap(t.b) > 2*f.options.BlockBytes+1<<10 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.buffers = append(f.buffers, t.b[:0])
}

// small reports whether the block is worth keeping: one swollen by huge rows is better let go.
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
	const slack = 32 // a part more, as blocks differ a little
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
