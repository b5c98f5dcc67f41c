// Parquet files as a feed of row groups.

package scan

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"bursar/internal/column"
)

// maxBatch is how many rows of a Parquet file are decoded at once.
const maxBatch = 1 << 13

// parquetFeed returns one job for each row group.
type parquetFeed struct {
	file       *File
	reader     *file.Reader
	properties *parquet.ReaderProperties
	shapes     []shape // per leaf column of the file
	fills      []int   // per leaf column: the column it fills, or -1
	absent     []int   // columns without a leaf
	extra      int64   // leaf columns without a column
	group      int     // next row group
	row        int64   // 1-based row at which it starts
}

func (f *File) openParquet() (_ *parquetFeed, err error) {
	defer func() { err = recovered(recover(), err, f.name, 1) }()
	d := &parquetFeed{file: f, row: 1}
	if err := f.source.unpackWhole(f.options.TempDir, f.options.Limits); err != nil {
		return nil, &ReadError{File: f.name, Row: 1, Err: err}
	}
	whole := f.source.whole
	if whole.Size() == 0 {
		return d, nil
	}
	d.properties = parquet.NewReaderProperties(&pageAllocator{Allocator: memory.NewGoAllocator(), limit: maxPage + int(whole.Size())})
	d.properties.BufferedStreamEnabled = true // a page at a time, not a whole column chunk
	if d.reader, err = file.NewParquetReader(whole, file.WithReadProps(d.properties)); err != nil {
		return nil, &ReadError{File: f.name, Row: 1, Err: err}
	}
	if err := d.mapLeaves(); err != nil {
		return nil, &ReadError{File: f.name, Row: 1, Err: err}
	}
	return d, nil
}

// recovered turns a panic of the Parquet library, which trusts the file's content, into an error of the file.
func recovered(panicked any, err error, name string, row int64) error {
	if panicked == nil {
		return err
	}
	return &ReadError{File: name, Row: row, Err: fmt.Errorf("the file is damaged: %v", panicked)}
}

// unpackWhole decompresses a file, since its reader needs random access.
func (s *source) unpackWhole(dir string, limits Limits) error {
	if !s.packed {
		return nil
	}
	whole, err := os.CreateTemp(dir, "bursar-parquet-*")
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	size, err := limits.Unpack(whole, s.reader)
	if err = errors.Join(err, os.Remove(whole.Name())); err != nil {
		return errors.Join(fmt.Errorf("unpack: %w", err), whole.Close())
	}
	s.whole, s.unpacked = io.NewSectionReader(whole, 0, size), whole
	return nil
}

// mapLeaves maps leaf columns to columns and refuses types that cannot be converted exactly.
func (d *parquetFeed) mapLeaves() error {
	leaves := d.reader.MetaData().Schema
	byName := map[string]int{}
	names := make([]string, 0, leaves.NumColumns())
	for i := range leaves.NumColumns() {
		leaf := leaves.Column(i)
		d.shapes, d.fills = append(d.shapes, shapeOf(leaf)), append(d.fills, -1)
		names = append(names, leaf.Path())
		if _, twice := byName[leaf.Path()]; twice {
			return fmt.Errorf("column %q is given twice", leaf.Path())
		}
		byName[leaf.Path()] = i
	}
	for i := range d.file.plan.targets {
		t := &d.file.plan.targets[i]
		leaf, ok := byName[t.path[0]]
		nested := nestedType(leaves, t.path[0])
		switch {
		case nested != "":
			return misfitType(t, nested)
		case !ok && t.absent:
			d.absent = append(d.absent, i)
			continue
		case !ok:
			list := strings.Join(names, ", ")
			return fmt.Errorf("no column %q for column %s; the file has %s%s", t.path[0], t.name, list[:min(len(list), 500)], t.missing(names))
		case d.fills[leaf] >= 0:
			return fmt.Errorf("column %q fills both %s and %s", t.path[0], d.file.plan.targets[d.fills[leaf]].name, t.name)
		}
		if err := d.shapes[leaf].canFill(t); err != nil {
			return err
		}
		d.fills[leaf] = i
	}
	for i, name := range names {
		if d.fills[i] < 0 {
			d.file.undeclared = append(d.file.undeclared, name)
		}
	}
	d.extra = int64(leaves.NumColumns() - len(d.file.plan.targets) + len(d.absent))
	return nil
}

// nestedType returns the type of a nested column of the file with this name; empty if there is none.
func nestedType(leaves *schema.Schema, name string) string {
	for i := range leaves.NumColumns() {
		root := leaves.ColumnRoot(i)
		if root.Name() != name || root.Type() != schema.Group && root.RepetitionType() != parquet.Repetitions.Repeated {
			continue
		}
		switch root.LogicalType().(type) {
		case schema.ListLogicalType:
			return "a list"
		case schema.MapLogicalType:
			return "a map"
		}
		if root.RepetitionType() == parquet.Repetitions.Repeated {
			return "a list"
		}
		return "a struct"
	}
	return ""
}

// canFill returns why values of this shape cannot become the target's type. The file's own types have no decimal mark or format: such a column would read
// its rejects differently from the file.
func (s *shape) canFill(t *target) error {
	kind := t.typ.Kind
	ok := s.kind == shapeText
	switch kind {
	case column.Bool:
		ok = ok || s.kind == shapeBool
	case column.Int, column.BigInt, column.Decimal:
		ok = ok || s.kind == shapeInteger || s.kind == shapeDecimal
	case column.Date:
		ok = ok || s.kind == shapeDate
	case column.Timestamp:
		ok = ok || s.kind == shapeTime || s.kind == shapeInteger && t.isEpoch()
	}
	switch {
	case !ok:
		return misfitType(t, s.name)
	case s.kind == shapeInteger && t.isEpoch():
		return nil
	case s.kind != shapeText && (t.layout != nil || t.mark != '.' || t.group != 0):
		return fmt.Errorf("column %s is %s, which has no format, decimal or group mark", t.name, s.name)
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
	return fmt.Errorf("column %s is %s; write it as %s, as it is declared %s", t.name, is, sourceTypes[t.typ.Kind], t.typ)
}

func (d *parquetFeed) next() (job, error) {
	if d.reader == nil || d.group == d.reader.NumRowGroups() {
		return job{}, io.EOF
	}
	group, row := d.group, d.row
	rows := d.reader.MetaData().RowGroups[group].NumRows
	if rows < 0 {
		return job{}, &ReadError{File: d.file.name, Row: row, Err: fmt.Errorf("row group %d has %d rows", group, rows)}
	}
	d.group, d.row = group+1, row+rows
	return job{run: func(send func(*Block) bool) error {
		return d.newGroup(group, row, rows).run(send)
	}}, nil
}
