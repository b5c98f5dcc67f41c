// Parquet files: their row groups, and their columns, whose many types are a few kinds.

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

// Kind is the kind of a column's values.
type Kind byte

// Kinds of values.
const (
	Nested  Kind = iota // inside a list, map or struct; cannot be read
	Text                // bytes that should be UTF-8
	JSON                // such bytes that should be JSON
	Bool                //
	Integer             //
	Decimal             //
	Date                //
	Time                // an instant or a local time
	Float               // can only be printed
	Other               // can only be printed
)

// Column describes a leaf column.
type Column struct {
	Name      string // its path in the file
	Physical  string // its types, as errors name them
	Logical   string // empty if there is none
	Kind      Kind
	Unsigned  bool // of an integer
	Bits      int  // of an integer
	Precision int  // of a decimal
	Scale     int  // of a decimal
	UTC       bool // of a time: an instant, not a local time
	second    int64
	leaf      *schema.Column
}

// maxScale bounds the scale of a decimal.
const maxScale = 76

func newColumn(leaf *schema.Column) Column {
	c := Column{Name: leaf.Path(), Physical: leaf.PhysicalType().String(), Kind: Other, leaf: leaf}
	if leaf.LogicalType().IsValid() && !leaf.LogicalType().IsNone() {
		c.Logical = leaf.LogicalType().String()
	}
	switch {
	case len(leaf.ColumnPath()) != 1 || leaf.MaxRepetitionLevel() > 0:
		c.Kind = Nested
	case leaf.PhysicalType() == format.Types.Float || leaf.PhysicalType() == format.Types.Double:
		c.Kind = Float
	default:
		c.setKind()
	}
	return c
}

// Type names the type in errors.
func (c *Column) Type() string {
	name := c.Physical
	if c.Logical != "" {
		name += " " + c.Logical
	}
	if c.Kind == Nested {
		name = "a nested " + name
	}
	return name
}

func (c *Column) setKind() {
	physical := c.leaf.PhysicalType()
	whole := physical == format.Types.Int32 || physical == format.Types.Int64
	switch t := c.leaf.LogicalType().(type) {
	case schema.StringLogicalType, schema.EnumLogicalType:
		c.kindOf(Text, physical == format.Types.ByteArray)
	case schema.JSONLogicalType:
		c.kindOf(JSON, physical == format.Types.ByteArray)
	case schema.IntLogicalType:
		c.Unsigned, c.Bits = !t.IsSigned(), int(t.BitWidth())
		c.kindOf(Integer, whole)
	case schema.DecimalLogicalType:
		c.Precision, c.Scale = int(t.Precision()), int(t.Scale())
		bytes := physical == format.Types.ByteArray || physical == format.Types.FixedLenByteArray
		c.kindOf(Decimal, c.Scale >= 0 && c.Scale <= maxScale && (whole || bytes))
	case schema.DateLogicalType:
		c.kindOf(Date, physical == format.Types.Int32)
	case schema.TimestampLogicalType:
		c.UTC = t.IsAdjustedToUTC()
		c.second = map[schema.TimeUnitType]int64{schema.TimeUnitMillis: 1e3, schema.TimeUnitMicros: 1e6, schema.TimeUnitNanos: 1e9}[t.TimeUnit()]
		c.kindOf(Time, c.second > 0 && physical == format.Types.Int64)
	case schema.NoLogicalType, schema.UnknownLogicalType:
		c.setPhysicalKind(physical)
	}
}

// kindOf sets the kind, if the physical type is as it should be.
func (c *Column) kindOf(kind Kind, ok bool) {
	if ok {
		c.Kind = kind
	}
}

func (c *Column) setPhysicalKind(physical format.Type) {
	switch physical {
	case format.Types.Int32, format.Types.Int64:
		c.Kind, c.Bits = Integer, 8*c.size()
	case format.Types.Boolean:
		c.Kind = Bool
	case format.Types.ByteArray:
		c.Kind = Text
	case format.Types.Int96:
		c.Kind = Time
	}
}

// size returns the size of a value in bytes, or 0 if it is not fixed.
func (c *Column) size() int {
	switch t := c.leaf.PhysicalType(); t {
	case format.Types.FixedLenByteArray:
		return max(0, c.leaf.TypeLength())
	case format.Types.ByteArray, format.Types.Boolean:
		return 0
	default:
		return t.ByteSize()
	}
}

func (c *Column) optional() bool { return c.leaf.MaxDefinitionLevel() > 0 }
