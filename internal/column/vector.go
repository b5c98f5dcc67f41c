// Columns of values.

package column

import (
	"fmt"
	"math/big"
	"slices"

	"bursar/internal/decimal"
)

// MaxNarrow is the largest decimal precision whose unscaled values fit an int64.
const MaxNarrow = 18

// Vector is a column of values of one type. Values are stored in Ints (bool as 0 or 1, int, bigint, date as days and timestamp as
// microseconds since 1970 UTC, unscaled decimals of up to MaxNarrow digits), in Wide (unscaled decimals of more digits), in Bytes
// up to Ends[i] (string, json) or in the rows of Fields up to Ends[i] (list). Null is nil while no value is null. A null
// still occupies a place in Ints, Wide or Ends.
type Vector struct {
	Type   Type
	Ints   []int64
	Wide   []decimal.Int128
	Ends   []uint32
	Bytes  []byte
	Fields []Vector
	Null   []bool
}

// NewVector returns an empty column with capacity for the given number of values.
func NewVector(t Type, capacity int) Vector {
	v := Vector{Type: t}
	switch {
	case t.Kind == String || t.Kind == JSON:
		v.Ends = make([]uint32, 0, capacity)
	case t.Kind == List:
		v.Ends = make([]uint32, 0, capacity)
		v.Fields = make([]Vector, len(t.Fields))
		for i, f := range t.Fields {
			v.Fields[i] = NewVector(f.Type, 0)
		}
	case t.IsWide():
		v.Wide = make([]decimal.Int128, 0, capacity)
	default:
		v.Ints = make([]int64, 0, capacity)
	}
	return v
}

// NewVectors returns one empty column for each type.
func NewVectors(types []Type, capacity int) []Vector {
	vectors := make([]Vector, len(types))
	for i, t := range types {
		vectors[i] = NewVector(t, capacity)
	}
	return vectors
}

// CheckCount returns an error if a result has another number of columns than its reader expects.
func CheckCount(columns []Vector, want int) error {
	if len(columns) != want {
		return fmt.Errorf("bug: a result has %d columns, and %d are read", len(columns), want)
	}
	return nil
}

// IsWide reports whether values of the type need 128 bits.
func (t Type) IsWide() bool { return t.Kind == Decimal && t.Precision > MaxNarrow }

// IsText reports whether values of the type are bytes.
func (t Type) IsText() bool { return t.Kind == String || t.Kind == JSON }

// Len is the number of values.
func (v *Vector) Len() int {
	switch {
	case v.Ends != nil:
		return len(v.Ends)
	case v.Wide != nil:
		return len(v.Wide)
	default:
		return len(v.Ints)
	}
}

// Reset empties the column and keeps its memory.
func (v *Vector) Reset() {
	v.Ints, v.Wide, v.Ends, v.Bytes, v.Null = v.Ints[:0], v.Wide[:0], v.Ends[:0], v.Bytes[:0], nil
	for i := range v.Fields {
		v.Fields[i].Reset()
	}
}

// IsNull reports whether value i is null.
func (v *Vector) IsNull(i int) bool { return v.Null != nil && v.Null[i] }

// Reserve makes room for more values and bytes of text. A slice that has to grow at least doubles: append copies large slices four
// times as often.
func (v *Vector) Reserve(values, bytes int) {
	switch {
	case v.Ends != nil:
		v.Ends = reserve(v.Ends, values)
		v.Bytes = reserve(v.Bytes, bytes)
	case v.Wide != nil:
		v.Wide = reserve(v.Wide, values)
	default:
		v.Ints = reserve(v.Ints, values)
	}
}

func reserve[T any](s []T, more int) []T {
	if more <= cap(s)-len(s) {
		return s
	}
	return slices.Grow(s, max(more, 2*cap(s)-len(s)))
}

// AppendInt appends a value that is stored in Ints.
func (v *Vector) AppendInt(x int64) {
	v.Ints = append(v.Ints, x)
	v.appendValid()
}

// AppendWide appends a value that is stored in Wide.
func (v *Vector) AppendWide(x decimal.Int128) {
	v.Wide = append(v.Wide, x)
	v.appendValid()
}

// AppendUnscaled appends a decimal at the type's scale. If there is no room for it, it appends nothing and returns an error.
func (v *Vector) AppendUnscaled(n *big.Int) error {
	wide, err := decimal.Narrow(n)
	switch {
	case err != nil:
		return err
	case v.Type.IsWide():
		v.AppendWide(wide)
	case !n.IsInt64():
		return fmt.Errorf("%s does not fit %s", n, v.Type)
	default:
		v.AppendInt(n.Int64())
	}
	return nil
}

// AppendText appends a string or json value.
func (v *Vector) AppendText(b []byte) {
	if len(b) > cap(v.Bytes)-len(v.Bytes) {
		v.growText(len(b))
	}
	v.Bytes = append(v.Bytes, b...)
	v.Ends = append(v.Ends, uint32(len(v.Bytes)))
	v.appendValid()
}

// maxGuess bounds the bytes that growText reserves in advance.
const maxGuess = 1 << 20

// growText reserves bytes for the remaining capacity, assuming that further values are as long as those so far: doubling each time
// copies and clears every byte twice.
func (v *Vector) growText(least int) {
	if n := len(v.Ends); n >= 16 && n < cap(v.Ends) {
		expected := (len(v.Bytes)/n + 1) * (cap(v.Ends) - n)
		least = max(least, min(expected+expected/8, maxGuess))
	}
	v.Bytes = slices.Grow(v.Bytes, least)
}

// AppendList completes a list whose elements were appended to Fields.
func (v *Vector) AppendList() {
	v.Ends = append(v.Ends, uint32(v.Fields[0].Len()))
	v.appendValid()
}

// AppendNull adds a null.
func (v *Vector) AppendNull() {
	if v.Null == nil {
		v.Null = make([]bool, v.Len(), v.Len()+1)
	}
	switch {
	case v.Type.IsText():
		v.Ends = append(v.Ends, uint32(len(v.Bytes)))
	case v.Type.Kind == List:
		v.Ends = append(v.Ends, uint32(v.Fields[0].Len()))
	case v.Type.IsWide():
		v.Wide = append(v.Wide, decimal.Int128{})
	default:
		v.Ints = append(v.Ints, 0)
	}
	v.Null = append(v.Null, true)
}

func (v *Vector) appendValid() {
	if v.Null != nil {
		v.Null = append(v.Null, false)
	}
}

// Text returns value i of a string or json column; it shares the column's memory.
func (v *Vector) Text(i int) []byte {
	lo, hi := v.Span(i)
	return v.Bytes[lo:hi]
}

// Span returns the range of value i in Bytes or in the rows of Fields.
func (v *Vector) Span(i int) (lo, hi uint32) {
	if i > 0 {
		lo = v.Ends[i-1]
	}
	return lo, v.Ends[i]
}

// Unscaled returns decimal or integer value i without its decimal mark.
func (v *Vector) Unscaled(i int) decimal.Int128 {
	if v.Type.IsWide() {
		return v.Wide[i]
	}
	return decimal.Int128Of(v.Ints[i])
}

// AppendFrom appends value i of another column of the same type.
func (v *Vector) AppendFrom(from *Vector, i int) {
	switch {
	case from.IsNull(i):
		v.AppendNull()
	case v.Type.IsText():
		v.AppendText(from.Text(i))
	case v.Type.Kind == List:
		lo, hi := from.Span(i)
		for f := range v.Fields {
			for j := lo; j < hi; j++ {
				v.Fields[f].AppendFrom(&from.Fields[f], int(j))
			}
		}
		v.AppendList()
	case v.Type.IsWide():
		v.AppendWide(from.Wide[i])
	default:
		v.AppendInt(from.Ints[i])
	}
}

// AppendAll appends all values of another column of the same type.
func (v *Vector) AppendAll(from *Vector) {
	if v.Type.Kind == List || from.Null != nil || v.Null != nil {
		for i := range from.Len() {
			v.AppendFrom(from, i)
		}
		return
	}
	v.Ints = append(v.Ints, from.Ints...)
	v.Wide = append(v.Wide, from.Wide...)
	base, n := uint32(len(v.Bytes)), len(v.Ends)
	v.Ends = append(v.Ends, from.Ends...)
	for i := range v.Ends[n:] {
		v.Ends[n+i] += base
	}
	v.Bytes = append(v.Bytes, from.Bytes...)
}

// Declare sets the declared types of columns that SQL returned: it returns JSON as text.
func Declare(rows []Vector, fields []Field) {
	for i, f := range fields {
		rows[i].Type = f.Type
		Declare(rows[i].Fields, f.Type.Fields)
	}
}
