// Prints rows with typed columns in the format that --format, or the suffix of --to, names.

package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/reconcile/query"

	"github.com/spf13/cobra"
)

// The values of --format.
const (
	tableFormat    = "table"
	verticalFormat = "vertical"
	csvFormat      = "csv"
	jsonFormat     = "jsonl"
	parquetFormat  = "parquet"
)

// listFormat is the format of --json: one value with a list of all items.
const listFormat = "json"

// fileFormats are the formats of files, which are also their suffixes.
var fileFormats = []string{csvFormat, jsonFormat, parquetFormat}

type rowFlags struct {
	to, format    string
	more          []string // formats that only this command has, also of files
	columns       []string
	limit, offset int // of the table; of every format if limited
	limited       bool
}

const (
	columnsHint = "use --columns or --format vertical"
	chosenHint  = "use --format vertical" // if --columns is given
)

// addTo declares the flags. Without a limit the table has all rows.
func (o *rowFlags) addTo(cmd *cobra.Command, limit int, rows string) {
	flags := cmd.Flags()
	flags.StringVar(&o.format, "format", "", "table, vertical, csv, jsonl or parquet")
	flags.StringVar(&o.to, "to", "", "write to this `file`: .csv, .jsonl or .parquet")
	flags.StringSliceVar(&o.columns, "columns", nil, "show these columns, in this order")
	if limit > 0 {
		countVar(flags, &o.limit, "limit", limit, "maximum number of "+rows+" in the table; if given, in every format")
		countVar(flags, &o.offset, "offset", 0, "leave out so many "+rows+" at the beginning")
	}
}

// check finds the format, and refuses flags that do not fit each other.
func (o *rowFlags) check(cmd *cobra.Command, json bool) error {
	o.limited = cmd.Flags().Changed("limit")
	known := []string{tableFormat, verticalFormat, csvFormat, jsonFormat, parquetFormat}
	if o.toFile() {
		known = slices.Clone(fileFormats)
	}
	known = append(known, o.more...)
	if o.toFile() {
		suffix := strings.TrimPrefix(filepath.Ext(o.to), ".")
		switch is := slices.Contains(known, suffix); {
		case o.format == "" && !is:
			return usagef("--to %s: unknown format: name the file .%s, or give --format %[3]s", o.to, alternatives(known, "."), alternatives(known, ""))
		case o.format == "":
			o.format = suffix
		case is && o.format != suffix:
			return usagef("--to %s and --format %s name different formats", o.to, o.format)
		}
	}
	switch {
	case o.format != "" && !slices.Contains(known, o.format):
		return usagef("--format %s: unknown format: use %s", o.format, strings.Join(known, ", "))
	case json && !o.toFile() && (o.format != "" || len(o.columns) > 0):
		return usagef("--json cannot be combined with --format or --columns: use --format jsonl, or --json alone")
	case o.format == jsonFormat && len(o.columns) > 0:
		return usagef("--columns cannot be combined with jsonl, which has the items of --json")
	case json && !o.toFile():
		o.format, o.to = listFormat, ""
	}
	return nil
}

// alternatives lists words: "a, b or c", with something before each but the first.
func alternatives(words []string, before string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", "+before) + " or " + before + words[last]
}

func (o *rowFlags) toFile() bool { return o.to != "" && o.to != "-" }

// forPeople reports whether the rows are a table or vertical, which a command may complete with sentences.
func (o *rowFlags) forPeople() bool {
	return o.format == "" || o.format == tableFormat || o.format == verticalFormat
}

// isOwnTable reports whether the command draws the table that it has of its own.
func (o *rowFlags) isOwnTable() bool {
	return (o.format == "" || o.format == tableFormat) && len(o.columns) == 0
}

// includes reports whether row n, counted from 1, is printed.
func (o *rowFlags) includes(n int) bool { return n > o.offset && !o.isPast(n) }

// isPast reports whether row n is behind the last one that is printed.
func (o *rowFlags) isPast(n int) bool {
	return (o.limited || o.forPeople() && o.limit > 0) && n > o.offset+o.limit
}

// listing describes rows of one kind, each made from an item.
type listing[T any] struct {
	name  string         // of the list of --json
	first map[string]any // before the list
	more  map[string]any // behind the list; known when all items are

	fields   []column.Field
	row      func(item T) []any           // the values of the fields, as rowBuilder.row takes them
	values   func(item T) ([]cell, error) // in place of row, for values in columns; valid until the next call
	show     []string                     // the columns of a table on a terminal; nil for all
	currency string                       // the column with the currency of the amounts; "" if there is none
	plain    bool                         // decimals are printed with all their digits on a terminal, too, and there is no --columns

	grid  *grid                 // the command's own table, if it has one
	cells func(item T) []string // of the own table

	// For people only: what is printed before the rows and, given their number, after them. Each may be nil.
	before func(w io.Writer)
	after  func(w io.Writer, rows int)
}

func (l *listing[T]) rowValues() func(item T) ([]cell, error) {
	if l.row == nil {
		return l.values
	}
	builder := newRowBuilder(l.fields)
	return func(item T) ([]cell, error) { return builder.row(l.row(item)...) }
}

// cell is one value: a row of a column.
type cell struct {
	*column.Vector
	row int
}

func (c cell) plain() string { return string(c.AppendPlain(nil, c.row)) }

// printRows prints the items that fill adds, or writes them to the file of --to.
func printRows[T any](c *cli, o *rowFlags, l *listing[T], fill func(add func(item T) error) error) error {
	places, hidden, err := o.choose(l.fields, l.show, width(c.out) > 0)
	if err != nil {
		return err
	}
	fields := make([]column.Field, len(places))
	for i, place := range places {
		fields[i] = l.fields[place]
	}
	currency := slices.IndexFunc(l.fields, func(f column.Field) bool { return f.Name == l.currency })
	values := l.rowValues()
	needsValues := o.format != listFormat && o.format != jsonFormat && (l.grid == nil || !o.isOwnTable())
	return c.writeOut(o, func(w io.Writer) (int64, error) {
		if l.before != nil && o.forPeople() {
			l.before(w)
		}
		out, err := newRowWriter(c, o, w, l, fields, hidden)
		if err != nil {
			return 0, err
		}
		picked, rows, written := make([]cell, len(fields)), 0, 0
		err = fill(func(item T) error {
			switch rows++; {
			case o.includes(rows):
				written++
			case o.isPast(rows) && slices.Contains(fileFormats, o.format):
				return failure.ErrStop
			default:
				return nil
			}
			if !needsValues {
				return out.write(item, nil, "")
			}
			row, err := values(item)
			if err != nil {
				return err
			}
			for i, place := range places {
				picked[i] = row[place]
			}
			code := ""
			if currency >= 0 {
				code = row[currency].plain()
			}
			return out.write(item, picked, code)
		})
		if err := failure.UnlessStopped(err); err != nil {
			return 0, err
		}
		if out.close != nil {
			if err := out.close(); err != nil {
				return 0, err
			}
		}
		if o.forPeople() {
			printRest(w, rows-written-min(o.offset, rows), "--limit shows more, --json all")
			if l.after != nil {
				l.after(w, rows)
			}
		}
		return int64(written), nil
	})
}

// choose finds the fields of --columns, or else those to show: their places, and the names of those that a terminal does not show.
func (o *rowFlags) choose(fields []column.Field, show []string, terminal bool) (places []int, hidden []string, err error) {
	names := o.columns
	if len(names) == 0 && terminal && o.isOwnTable() {
		names = show
	}
	all := namesOf(fields, func(f column.Field) string { return f.Name })
	if len(names) == 0 {
		names = all
	}
	for _, name := range names {
		place := slices.Index(all, name)
		if place < 0 {
			return nil, nil, usagef("unknown column %s: use %s", name, strings.Join(all, ", "))
		}
		if slices.Contains(places, place) {
			return nil, nil, usagef("column %s is named twice", name)
		}
		places = append(places, place)
	}
	if len(o.columns) == 0 {
		hidden = slices.DeleteFunc(all, func(name string) bool { return slices.Contains(names, name) })
	}
	return places, hidden, nil
}

// writeOut prints what write writes: with --to - at once, else when it is complete. With --to FILE it writes the file, and prints its
// digest. Equal results are equal bytes.
func (c *cli) writeOut(o *rowFlags, write func(w io.Writer) (rows int64, err error)) error {
	if o.to == "-" {
		buffer := bufio.NewWriterSize(c.out, 1<<20)
		_, err := write(buffer)
		return errors.Join(err, buffer.Flush())
	}
	if !o.toFile() {
		return c.spool(func(w *bufio.Writer) error {
			_, err := write(w)
			return err
		})
	}
	var done struct {
		query.Exported
		File string `json:"file"`
	}
	hash := sha256.New()
	err := replaceFile(c.path(o.to), func(w io.Writer) (err error) {
		buffer := bufio.NewWriterSize(io.MultiWriter(w, hash), 1<<20)
		if done.Rows, err = write(buffer); err != nil {
			return err
		}
		return buffer.Flush()
	})
	if err != nil {
		return err
	}
	done.Digest, done.File = hex.EncodeToString(hash.Sum(nil)), o.to
	return c.result(done, func(w io.Writer) {
		fmt.Fprintf(w, "Wrote %s to %s.\nsha256 %s\n", plural(done.Rows, "row", "rows"), o.to, done.Digest)
	})
}

// typedFields returns the fields of a list such as "stream string, batch bigint".
func typedFields(list string) (fields []column.Field) {
	for item := range strings.SplitSeq(list, ", ") {
		name, of, _ := strings.Cut(item, " ")
		t, err := column.ParseType(of)
		if err != nil {
			panic("bug: " + err.Error())
		}
		fields = append(fields, column.Field{Name: name, Type: t})
	}
	return fields
}

// rowBuilder makes rows of values that are not in columns.
type rowBuilder struct {
	columns []column.Vector
	cells   []cell
}

func newRowBuilder(fields []column.Field) *rowBuilder {
	b := &rowBuilder{columns: make([]column.Vector, len(fields)), cells: make([]cell, len(fields))}
	for i, f := range fields {
		b.columns[i] = column.NewVector(f.Type, 1)
		b.cells[i].Vector = &b.columns[i]
	}
	return b
}

// row parses one row of texts, numbers and pointers to times. Nil is null, and so is "" in a column that is not text. The row is valid
// until the next.
func (b *rowBuilder) row(values ...any) ([]cell, error) {
	for i, v := range values {
		b.columns[i].Reset()
		text := fmt.Sprint(v)
		if at, isTime := v.(*time.Time); isTime {
			text = ""
			if at != nil {
				text = at.UTC().Format(time.RFC3339Nano)
			}
		}
		if v == nil || text == "" && !b.columns[i].Type.IsText() {
			b.columns[i].AppendNull()
			continue
		}
		if err := query.ParseValue(&b.columns[i], text); err != nil {
			return nil, err
		}
	}
	return b.cells, nil
}
