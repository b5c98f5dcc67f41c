// Row groups: batches of leaf values become rows of columns.

package scan

import (
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/parquet/file"

	"bursar/internal/column"
)

// group reads one row group, batch by batch. Its readers only use memory, and closing one after damage may panic, so they are left to the garbage collector.
type group struct {
	filler
	feed   *parquetFeed
	json   *jsonScanner
	reader *file.RowGroupReader
	index  int
	first  int64 // row in the file of the group's first
	rows   int64
	at     int64   // finished rows
	bytes  int     // text in the current block: a dictionary may repeat a long value in every row
	leaves []*leaf // per leaf column; undeclared ones are only read for rejected rows
}

func (d *parquetFeed) newGroup(index int, first, rows int64) *group {
	p := d.file.plan
	return &group{
		filler: newFiller(p), feed: d, json: newJSONScanner(p), index: index, first: first, rows: rows,
		leaves: make([]*leaf, len(d.shapes)),
	}
}

// run sends the group's blocks. Damage ends it with an error at the batch that contains it.
func (g *group) run(send func(*Block) bool) error {
	var size int64
	if err := g.guard(g.first, func() (err error) { size, err = g.batchSize(); return err }); err != nil {
		return err
	}
	for g.at < g.rows {
		n := min(size, g.rows-g.at)
		if err := g.guard(g.first+g.at, func() error { return g.load(n) }); err != nil {
			return err
		}
		for i := int64(0); i < n; {
			g.begin(g.feed.file.block(), g.rowText())
			if err := g.guard(g.first+g.at+i, func() (err error) { i, err = g.fill(i, n); return err }); err != nil {
				return err
			}
			if !send(g.block) {
				return nil
			}
		}
		g.at += n
	}
	return nil
}

// guard turns any failure, including panics of the Parquet library, into an error at the first row that was not sent.
func (g *group) guard(row int64, do func() error) (err error) {
	defer func() {
		var read *ReadError
		if err = recovered(recover(), err, g.feed.file.name, row); err != nil && !errors.As(err, &read) {
			err = &ReadError{File: g.feed.file.name, Row: row, Err: err}
		}
	}()
	return do()
}

// batchSize returns how many rows to decode at once, so that they need about the memory of a few blocks, whatever a dictionary repeats.
func (g *group) batchSize() (int64, error) {
	if g.rows == 0 {
		return 0, nil
	}
	block := int64(g.feed.file.options.BlockBytes)
	size := min(maxBatch, 4*block/max(1, g.feed.reader.MetaData().RowGroups[g.index].TotalByteSize/g.rows))
	for i, fills := range g.feed.fills {
		if fills < 0 {
			continue
		}
		l, err := g.leaf(i)
		if err != nil {
			return 0, err
		}
		size = min(size, 16*block/max(1, l.pages.longest))
	}
	return max(1, size), nil
}

// load decodes the next n rows of the declared columns.
func (g *group) load(n int64) error {
	for i, fills := range g.feed.fills {
		if fills < 0 {
			continue
		}
		if err := g.read(i, n); err != nil {
			return err
		}
	}
	return nil
}

// fill adds rows of the batch from i on to the block until it is full. It returns where it stopped.
func (g *group) fill(i, n int64) (int64, error) {
	for most := 16 * g.feed.file.options.BlockBytes; i < n && g.bytes < most; i++ {
		if err := g.addRow(int(i), n, g.first+g.at+i); err != nil {
			return i, err
		}
	}
	g.bytes = 0
	return i, nil
}

// addRow accepts or rejects row i of the batch. A row that its typed columns do not represent completely is kept as text.
func (g *group) addRow(i int, n, row int64) error {
	ok, t := g.row(i), g.block.text
	if ok && t == nil {
		g.accept(row)
		return nil
	}
	raw, err := g.render(i, n)
	g.bytes += len(raw)
	switch {
	case err != nil:
		return err
	case !ok:
		g.reject(row, raw)
		return nil
	}
	from := len(t.b)
	t.b = append(t.b, raw...)
	g.acceptSpan(row, from, len(t.b))
	return nil
}

// rowText returns a text for rows as JSON, if a column has its own notation, which typed values do not preserve.
func (g *group) rowText() *text {
	for i := range g.plan.targets {
		if t := &g.plan.targets[i]; t.layout != nil || t.mark != '.' || t.group != 0 {
			written := &text{b: g.feed.file.buffer()}
			written.refs.Store(1)
			return written
		}
	}
	return nil
}

// read loads the current batch of n rows into leaf i.
func (g *group) read(i int, n int64) error {
	l, err := g.leaf(i)
	if err != nil {
		return err
	}
	if l.start == g.at {
		return nil
	}
	if most := l.pages.longest; most*n > maxRepeated {
		return fmt.Errorf("read column %q: %d rows may repeat a value of %d bytes", l.shape.column, n, most)
	}
	if err := l.read(g.at, n); err != nil {
		return fmt.Errorf("read column %q: %w", l.shape.column, err)
	}
	return nil
}

// row fills the columns from row i of the batch.
func (g *group) row(i int) bool {
	for n, fills := range g.feed.fills {
		if fills < 0 {
			continue
		}
		l := g.leaves[n]
		if k := l.at[i]; k < 0 {
			if !g.null(fills) {
				return false
			}
		} else if !g.value(fills, l, k) {
			return false
		}
	}
	for _, c := range g.feed.absent {
		g.block.Columns[c].AppendNull()
	}
	g.extra = g.feed.extra
	return true
}

// value adds value k of a leaf to a column.
func (g *group) value(i int, l *leaf, k int) bool {
	t := &g.plan.targets[i]
	switch l.shape.kind {
	case shapeText:
		tok := l.bytes[k]
		g.bytes += len(tok)
		if len(tok) > MaxLine {
			return g.refuse(i, tooLongRow(int64(len(tok))))
		}
		if !g.checkText(i, tok) {
			return false
		}
		if t.typ.Kind == column.JSON {
			return g.json.parse(&g.filler, i, tok)
		}
		return g.text(i, tok)
	case shapeBool:
		g.block.Columns[i].AppendInt(l.ints[k])
		return true
	case shapeDate:
		if days := l.ints[k]; days*secondsPerDay >= minSeconds && days*secondsPerDay <= maxSeconds {
			g.block.Columns[i].AppendInt(days)
			return true
		}
		return g.misfit(i, l.plain(nil, k), outsideYears)
	case shapeTime:
		seconds, nanos := l.instant(k)
		if nanos%1000 != 0 {
			return g.misfit(i, l.plain(nil, k), finerMicros)
		}
		if seconds < minSeconds-secondsPerDay || seconds > maxSeconds+secondsPerDay {
			return g.misfit(i, l.plain(nil, k), outsideYears)
		}
		return g.instant(i, seconds, nanos/1000, l.shape.utc, l.plain(g.scratch[:0], k))
	default:
		g.scratch = l.plain(g.scratch[:0], k)
		if t.isEpoch() {
			return g.epoch(i, g.scratch)
		}
		return g.number(i, g.scratch, '.', 0)
	}
}

// render writes row i of the batch as JSON, with all columns that are not nested.
func (g *group) render(i int, n int64) ([]byte, error) {
	raw := []byte{'{'}
	for c := range g.leaves {
		if g.feed.shapes[c].kind == shapeNested {
			continue
		}
		if err := g.read(c, n); err != nil {
			return nil, err
		}
		if len(raw) > 1 {
			raw = append(raw, ',')
		}
		l := g.leaves[c]
		raw = append(append(raw, column.QuoteJSON(l.shape.column)...), ':')
		if k := l.at[i]; k < 0 {
			raw = append(raw, "null"...)
		} else {
			raw = l.json(raw, k)
		}
	}
	return append(raw, '}'), nil
}

var errShort = fmt.Errorf("it has fewer values than the row group has rows: %w", io.ErrUnexpectedEOF)
