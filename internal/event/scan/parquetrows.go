// Row groups of Parquet files: batches of values become rows of columns.

package scan

import (
	"bursar/internal/column"
	"bursar/internal/decimal"
	"bursar/internal/event/scan/parquet"
)

// group reads one row group, batch by batch.
type group struct {
	filler
	feed   *parquetFeed
	json   *jsonScanner
	from   *parquet.Group
	first  int64 // row in the file of the group's first
	rows   int64
	at     int64             // finished rows
	bytes  int               // text in the current block: a dictionary may repeat a long value in every row
	values []*parquet.Values // per column of the file; undeclared ones are only read for rejected rows
}

// run sends the group's blocks. Damage ends it with an error at the first row that was not sent.
func (g *group) run(send func(*Block) bool) error {
	// So many rows are decoded at once that they need about the memory of a few blocks.
	size := max(1, min(parquet.MaxBatch, 4*int64(g.feed.file.options.BlockBytes)/max(1, g.from.RowBytes())))
	for g.at < g.rows {
		n := min(size, g.rows-g.at)
		for i := range g.feed.fills {
			if !g.isRead(i) {
				continue
			}
			if err := g.read(i, n); err != nil {
				return g.failed(0, err)
			}
		}
		for i := int64(0); i < n; {
			g.begin(g.feed.file.block(), g.rowText())
			var err error
			if i, err = g.fill(i, n); err != nil {
				return g.failed(i, err)
			}
			if !send(g.block) {
				return nil
			}
		}
		g.at += n
	}
	return nil
}

// isRead reports whether a column of the file fills a column, or is kept in the rest.
func (g *group) isRead(i int) bool {
	return g.feed.fills[i] >= 0 || g.feed.names != nil && g.feed.from.Columns[i].Kind != parquet.Nested
}

func (g *group) failed(i int64, err error) error {
	return &ReadError{File: g.feed.file.name, Row: g.first + g.at + i, Err: err}
}

// read reads the current batch of n rows of a column of the file.
func (g *group) read(i int, n int64) (err error) {
	g.values[i], err = g.from.Read(i, g.at, n)
	return err
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

// row fills the columns from row i of the batch.
func (g *group) row(i int) bool {
	for n, fills := range g.feed.fills {
		if fills < 0 {
			continue
		}
		v := g.values[n]
		if k := v.Index(i); k < 0 {
			if !g.null(fills) {
				return false
			}
		} else if !g.value(fills, &g.feed.from.Columns[n], v, k) {
			return false
		}
	}
	for _, c := range g.feed.absent {
		g.block.Columns[c].AppendNull()
	}
	g.extra = g.feed.extra
	return g.feed.names == nil || g.keepRest(i)
}

// value adds value k of a column of the file to a column.
func (g *group) value(i int, from *parquet.Column, v *parquet.Values, k int) bool {
	switch from.Kind {
	case parquet.Text, parquet.JSON:
		return g.textValue(i, v.Text(k))
	case parquet.Bool:
		g.block.Columns[i].AppendInt(v.Int(k))
		return true
	case parquet.Date:
		if days := v.Int(k); days*secondsPerDay >= minSeconds && days*secondsPerDay <= maxSeconds {
			g.block.Columns[i].AppendInt(days)
			return true
		}
		return g.misfit(i, v.AppendPlain(nil, k), outsideYears)
	case parquet.Time:
		return g.timeValue(i, from, v, k)
	default:
		if g.plan.targets[i].isEpoch() {
			g.scratch = v.AppendPlain(g.scratch[:0], k)
			return g.epoch(i, g.scratch)
		}
		if n, ok := v.Unscaled(k); ok && from.Scale == g.plan.types[i].Scale {
			if n := decimal.Int128Of(n); fits(n, g.plan.types[i]) {
				return g.unscaled(i, n, nil)
			}
		}
		g.scratch = v.AppendPlain(g.scratch[:0], k)
		return g.number(i, g.scratch, '.', 0)
	}
}

func (g *group) timeValue(i int, from *parquet.Column, v *parquet.Values, k int) bool {
	seconds, nanos := v.Instant(k)
	switch {
	case nanos%1000 != 0:
		return g.misfit(i, v.AppendPlain(nil, k), finerMicros)
	case seconds < minSeconds-secondsPerDay || seconds > maxSeconds+secondsPerDay:
		return g.misfit(i, v.AppendPlain(nil, k), outsideYears)
	case seconds >= minSeconds && seconds <= maxSeconds && (from.UTC || g.plan.targets[i].zone == nil):
		g.block.Columns[i].AppendInt(seconds*1e6 + nanos/1000)
		return true
	}
	return g.instant(i, seconds, nanos/1000, from.UTC, v.AppendPlain(g.scratch[:0], k)) // its text is only needed here
}

func (g *group) textValue(i int, tok []byte) bool {
	g.bytes += len(tok)
	if len(tok) > MaxLine {
		return g.refuse(i, tooLongRow(int64(len(tok))))
	}
	if !g.checkText(i, tok) {
		return false
	}
	if g.plan.types[i].Kind == column.JSON {
		return g.json.parse(&g.filler, i, tok)
	}
	return g.text(i, tok)
}

// render writes row i of the batch as JSON, with all columns that are not nested.
func (g *group) render(i int, n int64) ([]byte, error) {
	raw := []byte{'{'}
	for c := range g.values {
		if g.feed.from.Columns[c].Kind == parquet.Nested {
			continue
		}
		if err := g.read(c, n); err != nil {
			return nil, err
		}
		if len(raw) > 1 {
			raw = append(raw, ',')
		}
		raw = append(column.AppendJSON(raw, g.feed.from.Columns[c].Name), ':')
		if k := g.values[c].Index(i); k < 0 {
			raw = append(raw, "null"...)
		} else {
			raw = g.values[c].AppendJSON(raw, k)
		}
	}
	return append(raw, '}'), nil
}
