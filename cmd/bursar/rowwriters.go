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
	"bursar/internal/decimal"
	"bursar/internal/failure"

	"github.com/jedib0t/go-pretty/v6/text"
)

// rowWriter writes rows in one format. The amounts of a row are in the given currency, if it is not "".
type rowWriter[T any] struct {
	write func(item T, row []cell, currency string) error
	close func() error // nil if nothing follows the rows
}

func newRowWriter[T any](c *cli, o *rowFlags, w io.Writer, l *listing[T], fields []column.Field, hidden []string) (rowWriter[T], error) {
	terminal := width(c.out)
	grouped := terminal > 0 && !l.plain
	names := namesOf(fields, func(f column.Field) string { return f.Name })
	switch o.format {
	case listFormat:
		return listRows(w, l)
	case csvFormat:
		return csvRows[T](w, names)
	case jsonFormat:
		return rowWriter[T]{write: func(item T, _ []cell, _ string) error { return encode(w, item) }}, nil
	case parquetFormat:
		if !o.toFile() && terminal > 0 {
			return rowWriter[T]{}, usagef("--format parquet is not text: use --to FILE.parquet")
		}
		return parquetRows[T](w, fields)
	case verticalFormat:
		return verticalRows[T](w, names, grouped), nil
	}
	if l.grid != nil && o.isOwnTable() {
		l.grid.hint = columnsHint
		return tableRows(w, l.grid, terminal, func(item T, _ []cell, _ string) []string { return l.cells(item) }), nil
	}
	g := newGrid(names...)
	g.hidden, g.hint = hidden, columnsHint
	if len(o.columns) > 0 || l.plain {
		g.hint = chosenHint
		for i := 0; i < len(names) && terminal == 0; i++ {
			g.wrapped[i] = math.MaxInt // whole, in one line
		}
	}
	return tableRows(w, g, terminal, func(_ T, row []cell, currency string) []string {
		texts := make([]string, len(row))
		for i, v := range row {
			texts[i] = printable(cellText(v, currency, grouped))
		}
		return texts
	}), nil
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

func tableRows[T any](w io.Writer, g *grid, terminal int, cells func(item T, row []cell, currency string) []string) rowWriter[T] {
	return rowWriter[T]{
		write: func(item T, row []cell, currency string) error {
			g.add(cells(item, row, currency)...)
			return nil
		},
		close: func() error {
			if len(g.rows) > 0 {
				g.print(w, terminal)
			}
			return nil
		},
	}
}

// verticalRows writes a line for each value.
func verticalRows[T any](w io.Writer, names []string, grouped bool) rowWriter[T] {
	rows, widest := 0, 0
	for _, name := range names {
		widest = max(widest, len(name))
	}
	return rowWriter[T]{write: func(_ T, row []cell, currency string) error {
		rows++
		fmt.Fprintf(w, "── %s %s\n", formatCount(rows), strings.Repeat("─", widest))
		for i, value := range row {
			shown := cellText(value, currency, grouped)
			if value.Type.Kind == column.List {
				shown = value.plain()
			}
			if _, err := fmt.Fprintf(w, "%s  %s\n", text.Pad(names[i], widest, ' '), printable(shown)); err != nil {
				return err
			}
		}
		return nil
	}}
}

// listRows writes {…first, name: […], …more}. What is behind the list is known when all items are.
func listRows[T any](w io.Writer, l *listing[T]) (rowWriter[T], error) {
	fmt.Fprint(w, "{")
	for _, key := range slices.Sorted(maps.Keys(l.first)) {
		fmt.Fprintf(w, "%q:", key)
		if err := embed(w, l.first[key]); err != nil {
			return rowWriter[T]{}, err
		}
		fmt.Fprint(w, ",")
	}
	fmt.Fprintf(w, "%q:[", l.name)
	separator := ""
	return rowWriter[T]{
		write: func(item T, _ []cell, _ string) error {
			fmt.Fprint(w, separator)
			separator = ","
			return embed(w, item)
		},
		close: func() error {
			fmt.Fprint(w, "]")
			for _, key := range slices.Sorted(maps.Keys(l.more)) {
				fmt.Fprintf(w, ",%q:", key)
				if err := embed(w, l.more[key]); err != nil {
					return err
				}
			}
			_, err := fmt.Fprintln(w, "}")
			return err
		},
	}, nil
}

func csvRows[T any](w io.Writer, names []string) (rowWriter[T], error) {
	out, texts := csv.NewWriter(w), make([]string, len(names))
	return rowWriter[T]{
		write: func(_ T, row []cell, _ string) error {
			for i, v := range row {
				texts[i] = v.plain()
			}
			return out.Write(texts)
		},
		close: func() error {
			out.Flush()
			return out.Error()
		},
	}, out.Write(names)
}

// The rows that are written to a Parquet file together: they are kept in memory.
const (
	groupRows  = 1 << 14
	groupBytes = 1 << 26
)

func parquetRows[T any](w io.Writer, fields []column.Field) (rowWriter[T], error) {
	out, err := column.NewParquetWriter(w, fields)
	if err != nil {
		return rowWriter[T]{}, err
	}
	columns := make([]column.Vector, len(fields))
	for i, f := range fields {
		columns[i] = column.NewVector(f.Type, 0)
	}
	flush := func() error {
		if columns[0].Len() == 0 {
			return nil
		}
		if err := checkDigits(fields, columns); err != nil {
			return err
		}
		err := out.WriteGroup(columns)
		for i := range columns {
			columns[i].Reset()
		}
		return err
	}
	return rowWriter[T]{
		write: func(_ T, row []cell, _ string) error {
			bytes := 0
			for i, v := range row {
				columns[i].AppendFrom(v.Vector, v.row)
				bytes += textBytes(&columns[i])
			}
			if columns[0].Len() < groupRows && bytes < groupBytes {
				return nil
			}
			return flush()
		},
		close: func() error {
			if err := flush(); err != nil {
				return err
			}
			return out.Close()
		},
	}, nil
}

// checkDigits refuses whole numbers with more digits than a decimal of Parquet has: a database may return some.
func checkDigits(fields []column.Field, columns []column.Vector) error {
	for i := range columns {
		for row, n := range columns[i].Wide {
			if !columns[i].IsNull(row) && !decimal.Fits38(n) {
				err := fmt.Errorf("write column %s: a number has more than %d digits, which a Parquet file cannot store: cast the column to text", fields[i].Name, decimal.MaxDigits)
				return failure.Wrap(failure.Data, err)
			}
		}
	}
	return nil
}

func textBytes(v *column.Vector) int {
	n := len(v.Bytes)
	for i := range v.Fields {
		n += textBytes(&v.Fields[i])
	}
	return n
}
