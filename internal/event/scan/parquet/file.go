// Parquet files: their columns, and their row groups.

// Package parquet reads the values of Parquet files that other programs wrote, exactly. The library reads the footer and the headers of
// pages, and unpacks pages; the package owns the decoding of levels and values. It guarantees that any file, damaged or hostile, ends in
// values or an error, with bounded memory. It must not know of streams, blocks or rejects.
package parquet

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow/memory"
	format "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// MaxBatch is how many rows are decoded at once, at most.
const MaxBatch = 1 << 13

// File is an open Parquet file. Several goroutines may read it, each another row group.
type File struct {
	Columns    []Column // leaf columns
	reader     *file.Reader
	properties *format.ReaderProperties
	whole      *io.SectionReader
}

// Open reads the footer of a file.
func Open(whole *io.SectionReader) (_ *File, err error) {
	defer recovered(&err)
	f := &File{whole: whole}
	f.properties = format.NewReaderProperties(&pageAllocator{Allocator: memory.NewGoAllocator(), limit: maxPage + int(whole.Size())})
	f.properties.BufferedStreamEnabled = true // a page at a time, not a whole column chunk
	if f.reader, err = file.NewParquetReader(whole, file.WithReadProps(f.properties)); err != nil {
		return nil, err
	}
	for i := range f.schema().NumColumns() {
		f.Columns = append(f.Columns, newColumn(f.schema().Column(i)))
	}
	return f, nil
}

// recovered, when deferred, turns a panic into an error: the library trusts the file's content.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("the file is damaged: %v", p)
	}
}

func (f *File) schema() *schema.Schema { return f.reader.MetaData().Schema }

// Nested returns the type of a column of columns with this name, such as "a list"; empty if there is none.
func (f *File) Nested(name string) string {
	for i := range f.Columns {
		root := f.schema().ColumnRoot(i)
		repeated := root.RepetitionType() == format.Repetitions.Repeated
		if root.Name() != name || root.Type() != schema.Group && !repeated {
			continue
		}
		_, list := root.LogicalType().(schema.ListLogicalType)
		_, pairs := root.LogicalType().(schema.MapLogicalType)
		switch {
		case pairs:
			return "a map"
		case list || repeated:
			return "a list"
		}
		return "a struct"
	}
	return ""
}

// Groups returns the number of row groups.
func (f *File) Groups() int { return f.reader.NumRowGroups() }

// Rows returns how many rows a row group is said to have, which may be negative.
func (f *File) Rows(group int) int64 { return f.reader.MetaData().RowGroups[group].NumRows }

// Group is one row group, for one goroutine at a time. Its readers only use memory, and closing one after damage may panic, so they are
// left to the garbage collector.
type Group struct {
	file   *File
	meta   *metadata.RowGroupMetaData
	index  int
	chunks []*chunk // per column; nil if it was not read
}

// Group returns row group i.
func (f *File) Group(i int) *Group {
	return &Group{file: f, index: i, chunks: make([]*chunk, len(f.Columns))}
}

// RowBytes returns the average unpacked size of a row, as the file states it.
func (g *Group) RowBytes() int64 {
	meta := g.file.reader.MetaData().RowGroups[g.index]
	return max(0, meta.TotalByteSize) / max(1, meta.NumRows)
}

// Read returns the values of n rows of a column from row start on, which are valid until the column is read again. Rows are read in order; those
// between two calls are skipped. After an error the group must not be read.
func (g *Group) Read(column int, start, n int64) (_ *Values, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("read column %q: %w", g.file.Columns[column].Name, err)
		}
	}()
	defer recovered(&err)
	c := g.chunks[column]
	if c == nil {
		if c, err = g.open(column); err != nil {
			return nil, err
		}
		g.chunks[column] = c
	}
	return &c.Values, c.seek(start, n)
}
