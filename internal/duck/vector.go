// Conversion of DuckDB's vectors to columns.

package duck

import (
	"fmt"
	"unsafe"

	duckdb "github.com/duckdb/duckdb-go-bindings"

	"bursar/internal/column"
	"bursar/internal/decimal"
)

// typeOf returns the column type that represents every value of a DuckDB type exactly; other types are an error.
func typeOf(logical duckdb.LogicalType) (column.Type, error) {
	switch id := duckdb.GetTypeId(logical); id {
	case duckdb.TypeBoolean:
		return column.Type{Kind: column.Bool}, nil
	case duckdb.TypeTinyInt, duckdb.TypeSmallInt, duckdb.TypeInteger, duckdb.TypeUTinyInt, duckdb.TypeUSmallInt:
		return column.Type{Kind: column.Int}, nil
	case duckdb.TypeBigInt, duckdb.TypeUInteger:
		return column.Type{Kind: column.BigInt}, nil
	case duckdb.TypeHugeInt:
		return column.Type{Kind: column.Decimal, Precision: 38}, nil
	case duckdb.TypeDecimal:
		return column.Type{Kind: column.Decimal, Precision: int(duckdb.DecimalWidth(logical)), Scale: int(duckdb.DecimalScale(logical))}, nil
	case duckdb.TypeDate:
		return column.Type{Kind: column.Date}, nil
	case duckdb.TypeTimestamp, duckdb.TypeTimestampTZ:
		return column.Type{Kind: column.Timestamp}, nil
	case duckdb.TypeVarchar:
		return column.Type{Kind: column.String}, nil
	case duckdb.TypeList:
		return listTypeOf(logical)
	case duckdb.TypeFloat, duckdb.TypeDouble:
		return column.Type{}, fmt.Errorf("a binary floating point result is refused, as it is not exact: %s", exactForms)
	default:
		return column.Type{}, fmt.Errorf("a result of this SQL type cannot be kept: cast it to string, bool, int, bigint, decimal, date or timestamp")
	}
}

func listTypeOf(logical duckdb.LogicalType) (column.Type, error) {
	child := duckdb.ListTypeChildType(logical)
	defer duckdb.DestroyLogicalType(&child)
	t := column.Type{Kind: column.List}
	if duckdb.GetTypeId(child) != duckdb.TypeStruct {
		return t, fmt.Errorf("a list of plain values cannot be kept: make it a list of structs")
	}
	for i := range duckdb.StructTypeChildCount(child) {
		inner := duckdb.StructTypeChildType(child, i)
		field, err := typeOf(inner)
		duckdb.DestroyLogicalType(&inner)
		if err != nil {
			return t, err
		}
		t.Fields = append(t.Fields, column.Field{Name: duckdb.StructTypeChildName(child, i), Type: field})
	}
	return t, nil
}

// appendVector copies rows lo to hi of a DuckDB vector. Memory layouts are those of DuckDB's C API.
func appendVector(dst *column.Vector, src duckdb.Vector, lo, hi int) {
	if hi == lo {
		return
	}
	valid := validityMask{(*uint64)(duckdb.VectorGetValidity(src))}
	data := duckdb.VectorGetData(src)
	switch {
	case dst.Type.IsText():
		appendTexts(dst, unsafe.Slice((*stringT)(data), hi)[lo:], lo, valid)
	case dst.Type.Kind == column.List:
		appendLists(dst, src, unsafe.Slice((*listEntry)(data), hi)[lo:], lo, valid)
	case dst.Type.IsWide():
		for i, x := range unsafe.Slice((*hugeint)(data), hi)[lo:] {
			if valid.null(lo + i) {
				dst.AppendNull()
				continue
			}
			dst.AppendWide(decimal.NewInt128(x.hi, x.lo))
		}
	default:
		appendInts(dst, src, data, lo, hi, valid)
	}
}

func appendInts(dst *column.Vector, src duckdb.Vector, data unsafe.Pointer, lo, hi int, valid validityMask) {
	logical := duckdb.VectorGetColumnType(src)
	id := duckdb.GetTypeId(logical)
	if id == duckdb.TypeDecimal {
		id = duckdb.DecimalInternalType(logical)
	}
	duckdb.DestroyLogicalType(&logical)
	switch id {
	case duckdb.TypeBoolean, duckdb.TypeUTinyInt:
		appendFixed(dst, unsafe.Slice((*uint8)(data), hi)[lo:], lo, valid)
	case duckdb.TypeTinyInt:
		appendFixed(dst, unsafe.Slice((*int8)(data), hi)[lo:], lo, valid)
	case duckdb.TypeSmallInt:
		appendFixed(dst, unsafe.Slice((*int16)(data), hi)[lo:], lo, valid)
	case duckdb.TypeUSmallInt:
		appendFixed(dst, unsafe.Slice((*uint16)(data), hi)[lo:], lo, valid)
	case duckdb.TypeInteger, duckdb.TypeDate:
		appendFixed(dst, unsafe.Slice((*int32)(data), hi)[lo:], lo, valid)
	case duckdb.TypeUInteger:
		appendFixed(dst, unsafe.Slice((*uint32)(data), hi)[lo:], lo, valid)
	default:
		appendFixed(dst, unsafe.Slice((*int64)(data), hi)[lo:], lo, valid)
	}
}

func appendFixed[T int8 | uint8 | int16 | uint16 | int32 | uint32 | int64](dst *column.Vector, values []T, first int, valid validityMask) {
	for i, x := range values {
		if valid.null(first + i) {
			dst.AppendNull()
			continue
		}
		dst.AppendInt(int64(x))
	}
}

// stringT is duckdb_string_t: texts of up to 12 bytes are inline, longer ones behind the pointer.
type stringT struct {
	length uint32
	prefix [4]byte
	ptr    *byte
}

func appendTexts(dst *column.Vector, values []stringT, first int, valid validityMask) {
	for i := range values {
		if valid.null(first + i) {
			dst.AppendNull()
			continue
		}
		s := &values[i]
		if s.length <= 12 {
			dst.AppendText(unsafe.Slice(&s.prefix[0], s.length))
			continue
		}
		dst.AppendText(unsafe.Slice(s.ptr, s.length))
	}
}

type listEntry struct{ offset, length uint64 }

func appendLists(dst *column.Vector, src duckdb.Vector, entries []listEntry, first int, valid validityMask) {
	elements := duckdb.ListVectorGetChild(src)
	for i, e := range entries {
		if valid.null(first + i) {
			dst.AppendNull()
			continue
		}
		for f := range dst.Fields {
			appendVector(&dst.Fields[f], duckdb.StructVectorGetChild(elements, duckdb.IdxT(f)), int(e.offset), int(e.offset+e.length))
		}
		dst.AppendList()
	}
}

type hugeint struct {
	lo uint64
	hi int64
}

// validityMask is DuckDB's null mask: one bit per row, nil if no row is null.
type validityMask struct{ words *uint64 }

func (m validityMask) null(i int) bool {
	if m.words == nil {
		return false
	}
	word := *(*uint64)(unsafe.Add(unsafe.Pointer(m.words), i/64*8))
	return word&(1<<(i%64)) == 0
}
