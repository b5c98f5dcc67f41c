// Blocks, rejects, limits and errors of scanning, and the reuse of their memory.

// Package scan reads files of events into typed columns, exactly. It owns the grammar of JSON lines, CSV and Parquet input and the
// decision whether the characters of a value fit its declared type. It guarantees that no value is rounded or guessed, that every row is
// completely accepted or rejected with a reason, and that memory is bounded for any input. It must not know of batches, identity or
// storage.
package scan

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"bursar/internal/column"
	"bursar/internal/failure"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Limits of one row; a row beyond one is rejected with the limit named.
const (
	MaxLine  = 64 << 20 // bytes of a row, without its line end
	MaxDepth = 64       // nested JSON objects and arrays
	MaxKey   = 4 << 10  // bytes of a property name, or of a value in an id or key column
)

// maxRows bounds the rows of one block, so that very short rows cannot make a block much larger than its text.
const maxRows = 1 << 15

// padding is readable memory after the last line end, so that eight bytes can be read anywhere.
const padding = 8

// Block is consecutive rows of one file. Its memory belongs to the caller until Recycle.
type Block struct {
	Columns []column.Vector // one per read column, in declared order; accepted rows only
	Rows    []int64         // per accepted row: the 1-based line it starts at, or its 1-based number in a Parquet file
	Rejects []Reject        // in row order
	Extra   int64           // values of unknown properties or columns in accepted rows, kept out
	Unknown []string        // paths of unknown JSON properties that were not met in an earlier block, accepted or not: the first MaxUnknown
	plan    *Plan
	text    *text
	spans   []span // per accepted row: its place in the text; none where rows are rendered when asked for
}

type span struct{ from, to uint32 }

// Raw is accepted row i as it stood in the file, without its line end, or a Parquet row's columns written as JSON that
// Plan.Parse reads back. It shares the block's memory.
func (b *Block) Raw(i int) []byte {
	if i < len(b.spans) {
		return b.text.b[b.spans[i].from:b.spans[i].to]
	}
	row := []byte{'{'}
	for c := range b.plan.targets {
		if c > 0 {
			row = append(row, ',')
		}
		row = append(column.AppendJSON(row, b.plan.targets[c].path[0]), ':')
		if v := &b.Columns[c]; v.Type.Kind == column.JSON && !v.IsNull(i) {
			row = column.AppendJSON(row, v.Text(i))
		} else {
			row = v.AppendJSON(row, i)
		}
	}
	return append(row, '}')
}

// Reject is one row that was not accepted.
type Reject struct {
	Row    int64  // as Block.Rows
	Column string // the column at fault; empty where it is the whole row
	Reason string // names the value (shortened), and the type or limit it does not fit
	// Raw is the whole row as it stood in the file, without its line end, or a Parquet row written as JSON.
	// It shares the block's memory.
	Raw []byte
	// RawFile is the path of a file holding the row in place of Raw, compressed with zstd, when the row is longer than MaxLine.
	// The caller owns the file once Next has returned the block.
	RawFile string
}

// ReadError says that a file could not be read to its end. All rows before Row were delivered.
type ReadError struct {
	File string
	Row  int64 // the first row that could not be read whole
	Err  error // io.ErrUnexpectedEOF for a truncated compressed file
}

func (e *ReadError) Error() string {
	return fmt.Sprintf("read %s: at row %d: %s", e.File, e.Row, e.Reason())
}

// Reason says in words of the file what decompressors say of their formats.
func (e *ReadError) Reason() string {
	switch {
	case errors.Is(e.Err, io.ErrUnexpectedEOF):
		return "the file ends too early: a part of it is missing"
	case errors.Is(e.Err, gzip.ErrHeader):
		return "this is not gzip, as the file's name says: rename it if it is not compressed"
	case errors.Is(e.Err, zstd.ErrMagicMismatch):
		return "this is not zstd, as the file's name says: rename it if it is not compressed"
	}
	return e.Err.Error()
}

// Class is Data, as the same file is as damaged again, unless the cause may pass.
func (e *ReadError) Class() failure.Class {
	if class := failure.Of(e.Err); class.Retryable() {
		return class
	}
	return failure.Data
}

// Unwrap gives the cause.
func (e *ReadError) Unwrap() error { return e.Err }

// text is a run of whole rows: b[:end] ends with a line end, b[end:] is padding. Blocks made of it share it.
type text struct {
	b    []byte
	end  int
	bare int // bytes of b[:end] that stood in the file; a last line end may have been added
	line int64
	refs atomic.Int32
}

func newBlock(plan *Plan, rows int) *Block {
	return &Block{Columns: column.NewVectors(plan.types, rows), Rows: make([]int64, 0, rows), spans: make([]span, 0, rows), plan: plan}
}

func (b *Block) reset() {
	for i := range b.Columns {
		b.Columns[i].Reset()
	}
	clear(b.Rejects)
	b.Rows, b.Rejects, b.Extra, b.Unknown, b.text, b.spans = b.Rows[:0], b.Rejects[:0], 0, nil, nil, b.spans[:0]
}

func (b *Block) full() bool { return len(b.Rows)+len(b.Rejects) >= maxRows }

type scanner interface {
	fill(b *Block, t *text, p int, line int64) (int, int64)
}

// maxOwnedColumn is the largest column, in bytes, that ParseOwned reuses.
const maxOwnedColumn = 8 << 20

// pool contains recycled memory for the next blocks, at most as much as was in use at once.
type pool struct {
	mu      sync.Mutex
	plan    *Plan
	blocks  []*Block
	buffers [][]byte
	rows    int   // of the largest block so far
	bytes   []int // of its columns
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

// keep keeps a block for reuse, unless one of its columns has more than maxColumn bytes: blocks with huge rows are rare.
func (m *pool) keep(b *Block, maxColumn int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.ContainsFunc(b.Columns, func(v column.Vector) bool { return cap(v.Bytes) > maxColumn }) {
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

// keepBuffer keeps memory that was not needed.
func (m *pool) keepBuffer(b []byte) {
	if cap(b) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.buffers = append(m.buffers, b[:0])
}

func (m *pool) buffer() []byte {
	b, _ := pop(&m.mu, &m.buffers)
	return b
}

func (f *File) keepScanner(s scanner) {
	f.scannersMu.Lock()
	defer f.scannersMu.Unlock()
	f.scanners = append(f.scanners, s)
}
