// Fills columns with complete rows.

package scan

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"bursar/internal/column"
)

// filler fills the columns of one block after another. A row's values are appended as they are read; accept keeps them, and reject removes them.
type filler struct {
	plan    *Plan
	block   *Block
	zones   []zoneCache
	scratch []byte // unescaped text of the current value
	extra   int64  // undeclared values of the current row
	unknown map[unknown]bool
	column  int // of the rejection; -1 is the whole row
	reason  string
}

type unknown struct {
	in   *node
	name string
}

// MaxUnknown bounds the undeclared properties that the blocks of a file name.
const MaxUnknown = 21

const maxUnknownName = 200

// noteUnknown adds an undeclared property to the block's list the first time.
func (f *filler) noteUnknown(n *node, name []byte) {
	if len(f.unknown) == MaxUnknown || f.block == nil || f.unknown[unknown{n, string(name)}] {
		return
	}
	if f.unknown == nil {
		f.unknown = map[unknown]bool{}
	}
	f.unknown[unknown{n, string(name)}] = true
	path := n.path + string(name)
	f.block.Unknown = append(f.block.Unknown, strings.ToValidUTF8(path[:min(len(path), maxUnknownName)], ""))
}

func newFiller(p *Plan) filler {
	return filler{plan: p, zones: make([]zoneCache, len(p.targets))}
}

func (f *filler) begin(b *Block, t *text) {
	f.block, f.extra = b, 0
	b.text = t
	if cap(f.scratch) > 1<<20 {
		f.scratch = nil
	}
}

// refuse records why the current row is rejected; it returns false for the caller to return.
func (f *filler) refuse(column int, reason string) bool {
	f.column, f.reason = column, reason
	return false
}

func (f *filler) misfit(i int, tok []byte, reason string) bool {
	return f.refuse(i, fmt.Sprintf("%s does not fit %s: %s", shorten(tok), f.plan.types[i], reason))
}

func shorten(tok []byte) string {
	const most = 60
	if len(tok) <= most {
		return strconv.Quote(string(tok))
	}
	return strconv.Quote(string(bytes.TrimRightFunc(tok[:most], func(r rune) bool { return r == utf8.RuneError }))) + "…"
}

// checkLength refuses a row that is too long. Rows from files are cut before; this is for rows from memory.
func (f *filler) checkLength(size int) bool {
	return size <= MaxLine+2 || f.refuse(-1, tooLongRow(int64(size)))
}

// acceptSpan accepts a row that is in the block's text.
func (f *filler) acceptSpan(row int64, from, to int) {
	f.block.spans = append(f.block.spans, span{uint32(from), uint32(to)})
	f.accept(row)
}

func (f *filler) accept(row int64) {
	f.block.Rows = append(f.block.Rows, row)
	f.block.Extra += f.extra
	f.extra = 0
}

// reject removes the row's values from the columns and keeps the whole row (rule 10).
func (f *filler) reject(row int64, raw []byte) {
	n := len(f.block.Rows)
	for i := range f.block.Columns {
		truncate(&f.block.Columns[i], n)
	}
	r := Reject{Row: row, Reason: f.reason, Raw: raw}
	if f.column >= 0 {
		r.Column = f.plan.columnName(f.column)
	}
	f.block.Rejects = append(f.block.Rejects, r)
	f.extra = 0
}

func truncate(v *column.Vector, n int) {
	if v.Len() == n {
		return
	}
	switch {
	case v.Type.IsText():
		v.Ends = v.Ends[:n]
		size := uint32(0)
		if n > 0 {
			size = v.Ends[n-1]
		}
		v.Bytes = v.Bytes[:size]
	case v.Type.IsWide():
		v.Wide = v.Wide[:n]
	default:
		v.Ints = v.Ints[:n]
	}
	if n == 0 {
		v.Null = nil
	} else if v.Null != nil {
		v.Null = v.Null[:n]
	}
}
