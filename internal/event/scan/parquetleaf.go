// Leaf columns: Parquet's types as a few shapes, their values and text.

package scan

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"bursar/internal/column"
)

type shapeKind byte

// Kinds of values of a leaf column.
const (
	shapeNested  shapeKind = iota // inside a list, map or struct
	shapeText                     // bytes: should be UTF-8
	shapeBool                     // ints: 0 or 1
	shapeInteger                  // ints
	shapeDecimal                  // ints, or bytes: big-endian two's complement
	shapeDate                     // ints: days since 1970
	shapeTime                     // ints: units since 1970, or bytes: the older 96-bit form
	shapeFloat                    // floats
	shapeOther                    // ints or bytes that are not read
)

// shape is what the values of a leaf column mean.
type shape struct {
	column   string // its path in the file
	name     string // the type as errors name it
	kind     shapeKind
	unsigned bool
	scale    int
	second   int64 // units per second
	utc      bool  // of a time: an instant, not a local time
}

func shapeOf(leaf *schema.Column) shape {
	s := shape{column: leaf.Path(), name: leaf.PhysicalType().String(), kind: shapeOther}
	if leaf.LogicalType().IsValid() && !leaf.LogicalType().IsNone() {
		s.name += " " + leaf.LogicalType().String()
	}
	switch {
	case len(leaf.ColumnPath()) != 1 || leaf.MaxRepetitionLevel() > 0:
		s.kind, s.name = shapeNested, "a nested "+s.name
		return s
	case leaf.PhysicalType() == parquet.Types.Float || leaf.PhysicalType() == parquet.Types.Double:
		s.kind = shapeFloat
		return s
	}
	s.logical(leaf)
	return s
}

func (s *shape) logical(leaf *schema.Column) {
	physical := leaf.PhysicalType()
	integer := physical == parquet.Types.Int32 || physical == parquet.Types.Int64
	switch t := leaf.LogicalType().(type) {
	case schema.StringLogicalType, schema.EnumLogicalType, schema.JSONLogicalType:
		if physical == parquet.Types.ByteArray {
			s.kind = shapeText
		}
	case schema.IntLogicalType:
		s.kind, s.unsigned = shapeInteger, !t.IsSigned()
	case schema.DecimalLogicalType:
		if s.scale = int(t.Scale()); s.scale >= 0 && s.scale <= 2*maxDigits {
			s.kind = shapeDecimal
		}
	case schema.DateLogicalType:
		if physical == parquet.Types.Int32 {
			s.kind = shapeDate
		}
	case schema.TimestampLogicalType:
		s.kind, s.utc = shapeTime, t.IsAdjustedToUTC()
		s.second = map[schema.TimeUnitType]int64{schema.TimeUnitMillis: 1e3, schema.TimeUnitMicros: 1e6, schema.TimeUnitNanos: 1e9}[t.TimeUnit()]
		if s.second == 0 {
			s.kind = shapeOther
		}
	case schema.NoLogicalType, schema.UnknownLogicalType:
		switch {
		case integer:
			s.kind = shapeInteger
		case physical == parquet.Types.Boolean:
			s.kind = shapeBool
		case physical == parquet.Types.ByteArray:
			s.kind = shapeText
		case physical == parquet.Types.Int96:
			s.kind = shapeTime
		}
	}
}

// leaf is a leaf column of a row group, and a batch of its values.
type leaf struct {
	shape  *shape
	reader file.ColumnChunkReader
	pages  *validatedPages
	next   int64 // rows read so far
	start  int64 // first row of the current batch; -1 is none
	levels []int16
	at     []int // per row: the index of its value, or -1 for null
	ints   []int64
	bytes  [][]byte
	floats []float64 //nolint:forbidigo // only ever printed, in the raw text of rejected rows
}

// read decodes n rows from row start on. It skips rows between the last batch and this one.
func (l *leaf) read(start, n int64) error {
	if skip := start - l.next; skip > 0 {
		if s, ok := l.reader.(interface{ Skip(int64) (int64, error) }); !ok {
			return errShort
		} else if _, err := s.Skip(skip); err != nil {
			return err
		}
	}
	l.levels = slices.Grow(l.levels[:0], int(n))[:n]
	rows, values, err := l.decode(n)
	if err == nil {
		err = l.reader.Err()
	}
	if err != nil {
		return err
	}
	if rows != n {
		return errShort
	}
	l.start, l.next = start, start+n
	return l.locateValues(values)
}

// locateValues determines which rows have a value.
func (l *leaf) locateValues(values int) error {
	l.at = l.at[:0]
	most, k := l.reader.Descriptor().MaxDefinitionLevel(), 0
	for _, level := range l.levels {
		if most > 0 && level != most {
			l.at = append(l.at, -1)
			continue
		}
		l.at = append(l.at, k)
		k++
	}
	if k != values {
		return errShort
	}
	return nil
}

// decode reads the next n rows by their physical type.
func (l *leaf) decode(n int64) (rows int64, values int, err error) {
	switch r := l.reader.(type) {
	case *file.Int32ColumnChunkReader:
		return batch(n, l.levels, r.ReadBatch, &l.ints, func(x int32) int64 {
			if l.shape.unsigned {
				return int64(uint32(x))
			}
			return int64(x)
		})
	case *file.Int64ColumnChunkReader:
		return batch(n, l.levels, r.ReadBatch, &l.ints, func(x int64) int64 { return x })
	case *file.BooleanColumnChunkReader:
		return batch(n, l.levels, r.ReadBatch, &l.ints, func(x bool) int64 {
			if x {
				return 1
			}
			return 0
		})
	case *file.ByteArrayColumnChunkReader:
		return batch(n, l.levels, r.ReadBatch, &l.bytes, func(x parquet.ByteArray) []byte { return x })
	case *file.FixedLenByteArrayColumnChunkReader:
		return batch(n, l.levels, r.ReadBatch, &l.bytes, func(x parquet.FixedLenByteArray) []byte { return x })
	case *file.Int96ColumnChunkReader:
		return batch(n, l.levels, r.ReadBatch, &l.bytes, func(x parquet.Int96) []byte { return slices.Clone(x[:]) })
	case *file.Float32ColumnChunkReader:
		return batch(n, l.levels, r.ReadBatch, &l.floats, func(x float32) float64 { return float64(x) }) //nolint:forbidigo // see floats
	case *file.Float64ColumnChunkReader:
		return batch(n, l.levels, r.ReadBatch, &l.floats, func(x float64) float64 { return x }) //nolint:forbidigo // see floats
	default:
		return 0, 0, fmt.Errorf("physical type %s is not known", l.reader.Type())
	}
}

// batch reads n rows of a physical type and converts their values.
func batch[P, V any](n int64, levels []int16, read func(int64, []P, []int16, []int16) (int64, int, error), to *[]V, as func(P) V) (int64, int, error) {
	values := make([]P, n)
	rows, count, err := read(n, values, levels, nil)
	*to = (*to)[:0]
	for _, v := range values[:count] {
		*to = append(*to, as(v))
	}
	return rows, count, err
}

// instant returns time k as seconds since 1970 and nanoseconds.
func (l *leaf) instant(k int) (seconds, nanos int64) {
	if l.shape.second == 0 { // 96 bits: nanoseconds of the day, then the Julian day
		b := l.bytes[k]
		day := int64(binary.LittleEndian.Uint32(b[8:])) - 2440588
		n := binary.LittleEndian.Uint64(b)
		return day*secondsPerDay + int64(n/1e9), int64(n % 1e9)
	}
	seconds, rest := l.ints[k]/l.shape.second, l.ints[k]%l.shape.second
	if rest < 0 {
		seconds, rest = seconds-1, rest+l.shape.second
	}
	return seconds, rest * (1e9 / l.shape.second)
}

// plain writes value k as text that parses to the same value.
func (l *leaf) plain(dst []byte, k int) []byte {
	switch l.shape.kind {
	case shapeDate:
		return time.Unix(0, 0).UTC().AddDate(0, 0, int(l.ints[k])).AppendFormat(dst, time.DateOnly)
	case shapeTime:
		seconds, nanos := l.instant(k)
		dst = time.Unix(seconds, nanos).UTC().AppendFormat(dst, "2006-01-02T15:04:05.999999999")
		if l.shape.utc {
			dst = append(dst, 'Z')
		}
		return dst
	}
	var n *big.Int
	switch {
	case l.shape.unsigned:
		n = new(big.Int).SetUint64(uint64(l.ints[k]))
	case len(l.ints) > 0:
		return column.AppendDecimal(dst, column.Int128Of(l.ints[k]), l.shape.scale)
	default:
		n = twosComplement(l.bytes[k])
	}
	if n.BitLen() < 128 {
		return column.AppendDecimal(dst, column.Int128OfBig(n), l.shape.scale)
	}
	return fmt.Appendf(dst, "%de-%d", n, l.shape.scale)
}

// twosComplement parses a big-endian signed integer of any length.
func twosComplement(b []byte) *big.Int {
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(len(b))*8))
	}
	return n
}

// json writes value k as JSON that parses to the same value.
func (l *leaf) json(dst []byte, k int) []byte {
	switch l.shape.kind {
	case shapeBool:
		return strconv.AppendBool(dst, l.ints[k] != 0)
	case shapeInteger, shapeDecimal:
		return l.plain(dst, k)
	case shapeDate, shapeTime:
		return append(l.plain(append(dst, '"'), k), '"')
	case shapeFloat:
		return append(dst, column.QuoteJSON(strconv.FormatFloat(l.floats[k], 'g', -1, 64))...) //nolint:forbidigo // see floats
	}
	if len(l.bytes) == 0 {
		return strconv.AppendInt(dst, l.ints[k], 10)
	}
	if utf8.Valid(l.bytes[k]) {
		return append(dst, column.QuoteJSON(string(l.bytes[k]))...)
	}
	dst = append(dst, `{"base64":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, l.bytes[k])
	return append(dst, `"}`...)
}
