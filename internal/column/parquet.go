// Writing columns as Parquet files.

package column

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// ParquetWriter writes columns as a Parquet file that DuckDB reads back with exactly the given types: uncompressed, one row group for
// each WriteGroup. Lengths of texts, counters and times are delta-encoded, as neighbouring values are often similar.
type ParquetWriter struct {
	sink   *stickyErrorWriter
	file   *file.Writer
	leaf   leafBuffer
	fields []Field
}

// stickyErrorWriter records the first error of the underlying writer and reports success: the Parquet library panics on an error when
// it starts a file, and drops errors of the footer.
type stickyErrorWriter struct {
	w   io.Writer
	err error
}

func (w *stickyErrorWriter) Write(block []byte) (int, error) {
	if w.err == nil {
		_, w.err = w.w.Write(block)
	}
	return len(block), nil
}

// leafBuffer is memory reused between column chunks.
type leafBuffer struct {
	text   []parquet.ByteArray
	fixed  []parquet.FixedLenByteArray
	narrow []int32
	bools  []bool
	ints   []int64
	def    []int16
	rep    []int16
	valid  []byte // never nil
}

// NewParquetWriter starts a file with the given columns.
func NewParquetWriter(w io.Writer, fields []Field) (*ParquetWriter, error) {
	nodes := make(schema.FieldList, len(fields))
	for i, f := range fields {
		node, err := parquetNode(f)
		if err != nil {
			return nil, fmt.Errorf("describe column %s: %w", f.Name, err)
		}
		nodes[i] = node
	}
	root, err := schema.NewGroupNode("bursar", parquet.Repetitions.Required, nodes, -1)
	if err != nil {
		return nil, fmt.Errorf("describe columns: %w", err)
	}
	options := []parquet.WriterProperty{
		parquet.WithDictionaryDefault(false), parquet.WithStats(false),
		parquet.WithCompression(compress.Codecs.Uncompressed), parquet.WithDataPageSize(1 << 20),
		parquet.WithCreatedBy("bursar"),
	}
	for _, f := range fields {
		switch {
		case f.Type.IsText():
			options = append(options, parquet.WithEncodingFor(f.Name, parquet.Encodings.DeltaLengthByteArray))
		case f.Type.Kind == BigInt || f.Type.Kind == Timestamp:
			options = append(options, parquet.WithEncodingFor(f.Name, parquet.Encodings.DeltaBinaryPacked))
		}
	}
	sink := &stickyErrorWriter{w: w}
	out := file.NewParquetWriter(sink, root, file.WithWriterProps(parquet.NewWriterProperties(options...)))
	return &ParquetWriter{sink: sink, file: out, fields: fields, leaf: leafBuffer{valid: []byte{}}}, sink.err
}

func parquetNode(f Field) (schema.Node, error) {
	repetition := parquet.Repetitions.Optional
	if f.Required {
		repetition = parquet.Repetitions.Required
	}
	switch {
	case f.Type.Kind == List:
		fields := make(schema.FieldList, len(f.Type.Fields))
		for i, inner := range f.Type.Fields {
			node, err := parquetNode(inner)
			if err != nil {
				return nil, err
			}
			fields[i] = node
		}
		element, err := schema.NewGroupNode("element", parquet.Repetitions.Required, fields, -1)
		if err != nil {
			return nil, err
		}
		return schema.ListOfWithName(f.Name, element, repetition, -1)
	case f.Type.IsWide():
		return schema.NewPrimitiveNodeLogical(f.Name, repetition, schema.NewDecimalLogicalType(int32(f.Type.Precision), int32(f.Type.Scale)), parquet.Types.FixedLenByteArray, 16, -1)
	case f.Type.Kind == Decimal:
		return schema.NewPrimitiveNodeLogical(f.Name, repetition, schema.NewDecimalLogicalType(int32(f.Type.Precision), int32(f.Type.Scale)), parquet.Types.Int64, -1, -1)
	case f.Type.Kind == Timestamp:
		return schema.NewPrimitiveNodeLogical(f.Name, repetition, schema.NewTimestampLogicalType(false, schema.TimeUnitMicros), parquet.Types.Int64, -1, -1)
	case f.Type.Kind == Date:
		return schema.NewPrimitiveNodeLogical(f.Name, repetition, schema.DateLogicalType{}, parquet.Types.Int32, -1, -1)
	case f.Type.Kind == Int:
		return schema.NewPrimitiveNode(f.Name, repetition, parquet.Types.Int32, -1, -1)
	case f.Type.Kind == BigInt:
		return schema.NewPrimitiveNode(f.Name, repetition, parquet.Types.Int64, -1, -1)
	case f.Type.Kind == Bool:
		return schema.NewPrimitiveNode(f.Name, repetition, parquet.Types.Boolean, -1, -1)
	default:
		return schema.NewPrimitiveNodeLogical(f.Name, repetition, schema.StringLogicalType{}, parquet.Types.ByteArray, -1, -1)
	}
}

// WriteGroup writes the rows of the columns as one row group.
func (p *ParquetWriter) WriteGroup(vectors []Vector) error {
	group := p.file.AppendRowGroup()
	for i := range vectors {
		if err := p.writeColumn(group, p.fields[i], &vectors[i]); err != nil {
			return fmt.Errorf("write column %s: %w", p.fields[i].Name, err)
		}
	}
	if err := group.Close(); err != nil {
		return fmt.Errorf("end row group: %w", err)
	}
	return p.sink.err
}

// Close writes the file's footer. It does not close the underlying writer.
func (p *ParquetWriter) Close() error { return errors.Join(p.file.Close(), p.sink.err) }

func (p *ParquetWriter) writeColumn(group file.SerialRowGroupWriter, f Field, v *Vector) error {
	leaves := v.Fields
	if v.Type.Kind != List {
		leaves = []Vector{*v}
	}
	for i := range leaves {
		chunk, err := group.NextColumn()
		if err != nil {
			return err
		}
		switch {
		case v.Type.Kind == List:
			p.leaf.fillListLevels(v, &leaves[i])
			err = p.leaf.write(chunk, &leaves[i], p.leaf.def, p.leaf.rep, nil)
		case !f.Required:
			err = p.leaf.writeSpaced(chunk, v)
		case slices.Contains(v.Null, true):
			err = errors.New("bug: a required column contains a null")
		default:
			err = p.leaf.write(chunk, v, nil, nil, nil)
		}
		if err != nil {
			return err
		}
		if err := chunk.Close(); err != nil {
			return err
		}
	}
	return nil
}

// fillListLevels fills the levels of one field of a list: 0 null list, 1 empty list, 2 null field, 3 value.
func (b *leafBuffer) fillListLevels(list, field *Vector) {
	b.def, b.rep = b.def[:0], b.rep[:0]
	add := func(definition, repetition int16) {
		b.def, b.rep = append(b.def, definition), append(b.rep, repetition)
	}
	for i := range list.Len() {
		lo, hi := list.Span(i)
		switch {
		case list.IsNull(i):
			add(0, 0)
		case lo == hi:
			add(1, 0)
		}
		for j := lo; j < hi && !list.IsNull(i); j++ {
			definition := int16(3)
			if field.IsNull(int(j)) {
				definition = 2
			}
			add(definition, int16(min(j-lo, 1)))
		}
	}
}

// writeSpaced writes a column with nulls: values in all places, and which of them are null as levels (1 is a value) and bits. The
// library's WriteBatch would build an error text for each level. WriteBatchSpaced does not, but it panics where WriteBatch returns
// an error, and drops errors of the underlying writer, which records them.
func (b *leafBuffer) writeSpaced(chunk file.ColumnChunkWriter, v *Vector) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	b.fillLevels(v)
	full := *v
	full.Null = nil
	return b.write(chunk, &full, b.def, nil, b.valid)
}

func (b *leafBuffer) fillLevels(v *Vector) {
	n := v.Len()
	b.def = slices.Grow(b.def[:0], n)[:n]
	b.valid = slices.Grow(b.valid[:0], (n+7)/8)[:(n+7)/8]
	for i := range b.def {
		b.def[i] = 1
	}
	for i := range b.valid {
		b.valid[i] = 0xFF
	}
	for i, null := range v.Null {
		if null {
			b.def[i] = 0
			b.valid[i/8] &^= 1 << (i % 8)
		}
	}
}

// write passes a column's values to the writer of its physical type: those that are not null or, with valid, those in all places.
func (b *leafBuffer) write(chunk file.ColumnChunkWriter, v *Vector, def, rep []int16, valid []byte) error {
	switch w := chunk.(type) {
	case *file.ByteArrayColumnChunkWriter:
		return writeValues(w, b.texts(v), def, rep, valid)
	case *file.FixedLenByteArrayColumnChunkWriter:
		return writeValues(w, b.wides(v), def, rep, valid)
	case *file.BooleanColumnChunkWriter:
		return writeValues(w, b.booleans(v), def, rep, valid)
	case *file.Int32ColumnChunkWriter:
		b.narrow = appendPresent(b.narrow[:0], v)
		return writeValues(w, b.narrow, def, rep, valid)
	case *file.Int64ColumnChunkWriter:
		return writeValues(w, b.int64s(v), def, rep, valid)
	}
	return fmt.Errorf("bug: no writer for %s", v.Type)
}

// valueWriter is the library's writer of values of one type.
type valueWriter[T any] interface {
	WriteBatch(values []T, def, rep []int16) (int64, error)
	WriteBatchSpaced(values []T, def, rep []int16, valid []byte, offset int64)
}

func writeValues[T any](w valueWriter[T], values []T, def, rep []int16, valid []byte) (err error) {
	if valid == nil {
		_, err = w.WriteBatch(values, def, rep)
	} else {
		w.WriteBatchSpaced(values, def, rep, valid, 0)
	}
	return err
}

func (b *leafBuffer) texts(v *Vector) []parquet.ByteArray {
	b.text = b.text[:0]
	lo := uint32(0)
	for i, hi := range v.Ends {
		if !v.IsNull(i) {
			b.text = append(b.text, v.Bytes[lo:hi:hi])
		}
		lo = hi
	}
	return b.text
}

func (b *leafBuffer) wides(v *Vector) []parquet.FixedLenByteArray {
	b.fixed = b.fixed[:0]
	backing := make([]byte, 16*len(v.Wide))
	for i, n := range v.Wide {
		if !v.IsNull(i) {
			value := binary.BigEndian.AppendUint64(backing[16*i:16*i], uint64(n.HighBits()))
			b.fixed = append(b.fixed, binary.BigEndian.AppendUint64(value, n.LowBits()))
		}
	}
	return b.fixed
}

func (b *leafBuffer) booleans(v *Vector) []bool {
	b.bools = b.bools[:0]
	for i, x := range v.Ints {
		if !v.IsNull(i) {
			b.bools = append(b.bools, x != 0)
		}
	}
	return b.bools
}

func (b *leafBuffer) int64s(v *Vector) []int64 {
	if v.Null == nil {
		return v.Ints
	}
	b.ints = appendPresent(b.ints[:0], v)
	return b.ints
}

// appendPresent appends the whole numbers that are not null.
func appendPresent[T int32 | int64](dst []T, v *Vector) []T {
	for i, x := range v.Ints {
		if !v.IsNull(i) {
			dst = append(dst, T(x))
		}
	}
	return dst
}
