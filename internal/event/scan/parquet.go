// Parquet files as a feed of row groups.

package scan

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"bursar/internal/column"
	"bursar/internal/event/scan/parquet"
)

type parquetFeed struct {
	file   *File
	from   *parquet.File // nil for an empty file
	fills  []int         // per column of the file: the column it fills, or -1
	names  [][]byte      // per column of the file that fills none, if they are kept in the rest: its name as JSON, with a colon
	absent []int         // columns that the file lacks
	extra  int64         // columns of the file that fill none
	group  int           // next row group
	row    int64         // 1-based row at which it starts
}

func (f *File) openParquet() (*parquetFeed, error) {
	d := &parquetFeed{file: f, row: 1}
	err := f.source.unpackWhole(f.options.TempDir, f.options.Limits)
	if err == nil && f.source.whole.Size() > 0 {
		if d.from, err = parquet.Open(f.source.whole); err == nil {
			err = d.mapColumns()
		}
	}
	if err != nil {
		return nil, &ReadError{File: f.name, Row: 1, Err: err}
	}
	return d, nil
}

// unpackWhole decompresses a file, since its reader needs random access.
func (s *source) unpackWhole(dir string, limits Limits) error {
	if !s.packed {
		return nil
	}
	whole, size, err := limits.UnpackFile(dir, s.reader)
	if err != nil {
		return err
	}
	if err := os.Remove(whole.Name()); err != nil {
		return errors.Join(fmt.Errorf("unpack: %w", err), whole.Close())
	}
	s.whole, s.unpacked = io.NewSectionReader(whole, 0, size), whole
	return nil
}

// mapColumns maps columns of the file to columns and refuses types that cannot be converted exactly.
func (d *parquetFeed) mapColumns() error {
	byName := map[string]int{}
	names := make([]string, 0, len(d.from.Columns))
	for i := range d.from.Columns {
		name := d.from.Columns[i].Name
		if _, twice := byName[name]; twice {
			return fmt.Errorf("column %q is given twice", name)
		}
		byName[name] = i
		d.fills, names = append(d.fills, -1), append(names, name)
	}
	for i := range d.file.plan.targets {
		t := &d.file.plan.targets[i]
		from, ok := byName[t.path[0]]
		nested := d.from.Nested(t.path[0])
		switch {
		case nested != "":
			return misfitType(t, nested)
		case !ok && t.absent:
			d.absent = append(d.absent, i)
			continue
		case !ok:
			list := strings.Join(names, ", ")
			return fmt.Errorf("no column %q for column %s; the file has %s%s", t.path[0], t.name, list[:min(len(list), 500)], t.missing(names))
		case d.fills[from] >= 0:
			return fmt.Errorf("column %q fills both %s and %s", t.path[0], d.file.plan.targets[d.fills[from]].name, t.name)
		}
		if err := t.canBe(&d.from.Columns[from]); err != nil {
			return err
		}
		d.fills[from] = i
	}
	for i, name := range names {
		if d.fills[i] < 0 {
			d.file.undeclared = append(d.file.undeclared, name)
		}
	}
	if d.file.plan.rest != "" {
		d.names = restNames(d.fills, names)
	}
	d.extra = int64(len(names) - len(d.file.plan.targets) + len(d.absent))
	return nil
}

// canBe returns why values of a column of the file cannot become the target's type. The file's own types have no decimal mark or format:
// such a column would read its rejects differently from the file.
func (t *target) canBe(from *parquet.Column) error {
	text := from.Kind == parquet.Text || from.Kind == parquet.JSON
	ok := text
	switch t.typ.Kind {
	case column.Bool:
		ok = ok || from.Kind == parquet.Bool
	case column.Int, column.BigInt, column.Decimal:
		ok = ok || from.Kind == parquet.Integer || from.Kind == parquet.Decimal
	case column.Date:
		ok = ok || from.Kind == parquet.Date
	case column.Timestamp:
		ok = ok || from.Kind == parquet.Time || from.Kind == parquet.Integer && t.isEpoch()
	}
	switch {
	case !ok:
		return misfitType(t, from.Type())
	case from.Kind == parquet.Integer && t.isEpoch():
		return nil
	case !text && (t.layout != nil || t.mark != '.' || t.group != 0):
		return fmt.Errorf("column %s is %s, which has no format, decimal or group mark", t.name, from.Type())
	}
	return nil
}

// sourceTypes are the types in a file from which each type can be read.
var sourceTypes = map[column.Kind]string{
	column.Bool: "BOOLEAN or string", column.Int: "an integer, DECIMAL or string", column.BigInt: "an integer, DECIMAL or string",
	column.Decimal: "DECIMAL or string", column.Date: "DATE or string", column.Timestamp: "TIMESTAMP or string",
	column.String: "string", column.JSON: "string that holds JSON text",
}

func misfitType(t *target, is string) error {
	sources := sourceTypes[t.typ.Kind]
	if t.isEpoch() {
		sources = "an integer or string"
	}
	return fmt.Errorf("column %s is %s; write it as %s, as it is declared %s", t.name, is, sources, t.typ)
}

func (d *parquetFeed) next() (job, error) {
	if d.from == nil || d.group == d.from.Groups() {
		return job{}, io.EOF
	}
	index, row, rows := d.group, d.row, d.from.Rows(d.group)
	if rows < 0 {
		return job{}, &ReadError{File: d.file.name, Row: row, Err: fmt.Errorf("row group %d has %d rows", index, rows)}
	}
	d.group, d.row = index+1, row+rows
	return job{run: func(send func(*Block) bool) error {
		p := d.file.plan
		g := &group{
			filler: newFiller(p), feed: d, json: newJSONScanner(p), from: d.from.Group(index), first: row, rows: rows,
			values: make([]*parquet.Values, len(d.fills)),
		}
		return g.run(send)
	}}, nil
}
