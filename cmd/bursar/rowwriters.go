// Writers of rows with typed columns: tables, vertical, CSV, JSON, JSON lines and Parquet.

package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"bursar/internal/column"

	"github.com/jedib0t/go-pretty/v6/text"
)

// rowWriter writes rows in one format. The amounts of a row are in the given currency, if it is not "".
type rowWriter interface {
	write(item any, row []cell, currency string) error
	close() error
}

func newRowWriter[T any](c *cli, o *rowFlags, w io.Writer, l *listing[T], fields []column.Field, hidden []string) (rowWriter, error) {
	terminal := width(c.out)
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	switch o.format {
	case listFormat:
		_, err := fmt.Fprintf(w, "{%q:[", l.name)
		return &listRows{w: w, more: &l.more}, err
	case csvFormat:
		out := csv.NewWriter(w)
		return &csvRows{out}, out.Write(names)
	case jsonFormat:
		return jsonRows{w}, nil
	case parquetFormat:
		if !o.toFile() && terminal > 0 {
			return nil, usagef("--format parquet is not text: use --to FILE.parquet")
		}
		return newParquetRows(w, fields)
	case verticalFormat:
		return &verticalRows{w: w, names: names, grouped: terminal > 0}, nil
	}
	if l.grid != nil && o.isOwnTable() {
		l.grid.hint = columnsHint
		cells := func(item any) []string { return l.cells(item.(T)) } //nolint:errcheck,forcetypeassert // only such items are written
		return &tableRows{w: w, grid: l.grid, cells: cells, terminal: terminal}, nil
	}
	g := newGrid(names...)
	g.hidden, g.hint = hidden, columnsHint
	if len(o.columns) > 0 {
		g.hint = chosenHint
		for i := 0; i < len(names) && terminal == 0; i++ {
			g.wrapped[i] = math.MaxInt // whole, in one line
		}
	}
	return &tableRows{w: w, grid: g, terminal: terminal}, nil
}

// cellText returns a value for people: a list as its length, and on a terminal amounts grouped.
func cellText(v cell, currency string, terminal bool) string {
	switch {
	case v.IsNull(v.row):
		return noValue
	case v.Type.Kind == column.List:
		lo, hi := v.Span(v.row)
		return plural(int(hi-lo), "item", "items")
	case v.Type.Kind == column.Decimal && terminal:
		return formatMoney(v.plain(), currency)
	}
	return v.plain()
}

type tableRows struct {
	w        io.Writer
	grid     *grid
	cells    func(item any) []string // of a command's own table
	terminal int
}

func (t *tableRows) write(item any, row []cell, currency string) error {
	if t.cells != nil {
		t.grid.add(t.cells(item)...)
		return nil
	}
	texts := make([]string, len(row))
	for i, v := range row {
		texts[i] = printable(cellText(v, currency, t.terminal > 0))
	}
	t.grid.add(texts...)
	return nil
}

func (t *tableRows) close() error {
	if len(t.grid.rows) > 0 {
		t.grid.print(t.w, t.terminal)
	}
	return nil
}

// verticalRows writes a line for each value.
type verticalRows struct {
	w       io.Writer
	names   []string
	grouped bool
	rows    int
}

func (v *verticalRows) write(_ any, row []cell, currency string) error {
	widest := 0
	for _, name := range v.names {
		widest = max(widest, len(name))
	}
	v.rows++
	fmt.Fprintf(v.w, "── %s %s\n", formatCount(v.rows), strings.Repeat("─", widest))
	for i, value := range row {
		shown := cellText(value, currency, v.grouped)
		if value.Type.Kind == column.List {
			shown = value.plain()
		}
		if _, err := fmt.Fprintf(v.w, "%s  %s\n", text.Pad(v.names[i], widest, ' '), printable(shown)); err != nil {
			return err
		}
	}
	return nil
}

func (v *verticalRows) close() error { return nil }

// listRows writes {name: […], …more}; its beginning is written.
type listRows struct {
	w    io.Writer
	more *map[string]any
	some bool
}

func (l *listRows) write(item any, _ []cell, _ string) error {
	if l.some {
		fmt.Fprint(l.w, ",")
	}
	l.some = true
	return embed(l.w, item)
}

func (l *listRows) close() error {
	fmt.Fprint(l.w, "]")
	for _, key := range slices.Sorted(maps.Keys(*l.more)) {
		fmt.Fprintf(l.w, ",%q:", key)
		if err := embed(l.w, (*l.more)[key]); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(l.w, "}")
	return err
}

type csvRows struct{ *csv.Writer }

func (c *csvRows) write(_ any, row []cell, _ string) error {
	texts := make([]string, len(row))
	for i, v := range row {
		texts[i] = v.plain()
	}
	return c.Write(texts)
}

func (c *csvRows) close() error {
	c.Flush()
	return c.Error()
}

type jsonRows struct{ io.Writer }

func (j jsonRows) write(item any, _ []cell, _ string) error { return encode(j.Writer, item) }
func (j jsonRows) close() error                             { return nil }

// The rows that are written to a Parquet file together: they are kept in memory.
const (
	groupRows  = 1 << 14
	groupBytes = 1 << 26
)

type parquetRows struct {
	out     *column.ParquetWriter
	columns []column.Vector
}

func newParquetRows(w io.Writer, fields []column.Field) (*parquetRows, error) {
	out, err := column.NewParquetWriter(w, fields)
	if err != nil {
		return nil, err
	}
	p := &parquetRows{out: out, columns: make([]column.Vector, len(fields))}
	for i, f := range fields {
		p.columns[i] = column.NewVector(f.Type, 0)
	}
	return p, nil
}

func (p *parquetRows) write(_ any, row []cell, _ string) error {
	bytes := 0
	for i, v := range row {
		p.columns[i].AppendFrom(v.Vector, v.row)
		bytes += textBytes(&p.columns[i])
	}
	if p.columns[0].Len() < groupRows && bytes < groupBytes {
		return nil
	}
	return p.flush()
}

func textBytes(v *column.Vector) int {
	n := len(v.Bytes)
	for i := range v.Fields {
		n += textBytes(&v.Fields[i])
	}
	return n
}

func (p *parquetRows) flush() error {
	if p.columns[0].Len() == 0 {
		return nil
	}
	err := p.out.WriteGroup(p.columns)
	for i := range p.columns {
		p.columns[i].Reset()
	}
	return err
}

func (p *parquetRows) close() error {
	if err := p.flush(); err != nil {
		return err
	}
	return p.out.Close()
}
