// The types of PostgreSQL as which columns and parameters are sent.

package wire

import (
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"bursar/internal/column"
	"bursar/internal/warehouse"
)

// pgType is a type as clients see it.
type pgType struct {
	oid      uint32
	size     int16 // in bytes; -1: it varies
	modifier int32 // precision and scale of numbers; -1: none
}

// sizes are those of the types whose values have the same size.
var sizes = map[uint32]int16{
	pgtype.BoolOID: 1, pgtype.Int2OID: 2, pgtype.Int4OID: 4, pgtype.Int8OID: 8, pgtype.Float4OID: 4, pgtype.Float8OID: 8, pgtype.DateOID: 4,
	pgtype.TimeOID: 8, pgtype.TimestampOID: 8, pgtype.TimestamptzOID: 8, pgtype.UUIDOID: 16, pgtype.OIDOID: 4,
}

func typed(oid uint32) pgType {
	t := pgType{oid, -1, -1}
	if size, ok := sizes[oid]; ok {
		t.size = size
	}
	return t
}

// oids are the types of DuckDB's types without parameters. Values of other types are texts.
var oids = map[string]uint32{
	"BOOLEAN": pgtype.BoolOID, "TINYINT": pgtype.Int2OID, "UTINYINT": pgtype.Int2OID, "SMALLINT": pgtype.Int2OID, "USMALLINT": pgtype.Int4OID,
	"INTEGER": pgtype.Int4OID, "BIGINT": pgtype.Int8OID, "UINTEGER": pgtype.Int8OID, "UBIGINT": pgtype.NumericOID, "HUGEINT": pgtype.NumericOID,
	"FLOAT": pgtype.Float4OID, "DOUBLE": pgtype.Float8OID, "DATE": pgtype.DateOID, "TIME": pgtype.TimeOID, "TIMESTAMP": pgtype.TimestampOID,
	"TIMESTAMP WITH TIME ZONE": pgtype.TimestamptzOID, "UUID": pgtype.UUIDOID, "BLOB": pgtype.ByteaOID, "JSON": pgtype.JSONOID, "VARCHAR": pgtype.TextOID,
	"INTERVAL": pgtype.IntervalOID,
}

// arrays are the types of lists of these types.
var arrays = map[string]uint32{
	"BOOLEAN": pgtype.BoolArrayOID, "SMALLINT": pgtype.Int2ArrayOID, "INTEGER": pgtype.Int4ArrayOID, "BIGINT": pgtype.Int8ArrayOID, "VARCHAR": pgtype.TextArrayOID,
	"DATE": pgtype.DateArrayOID, "TIMESTAMP": pgtype.TimestampArrayOID, "TIMESTAMP WITH TIME ZONE": pgtype.TimestamptzArrayOID, "FLOAT": pgtype.Float4ArrayOID, "DOUBLE": pgtype.Float8ArrayOID,
	"UUID": pgtype.UUIDArrayOID, "UINTEGER": pgtype.Int8ArrayOID, "HUGEINT": pgtype.NumericArrayOID,
}

// sqlTypes are the types of DuckDB for parameters of these types.
var sqlTypes = map[uint32]string{
	pgtype.BoolOID: "BOOLEAN", pgtype.Int2OID: "SMALLINT", pgtype.Int4OID: "INTEGER", pgtype.Int8OID: "BIGINT", pgtype.OIDOID: "BIGINT", pgtype.NumericOID: "DECIMAL(38,9)",
	pgtype.Float4OID: "FLOAT", pgtype.Float8OID: "DOUBLE", pgtype.DateOID: "DATE", pgtype.TimeOID: "TIME", pgtype.TimestampOID: "TIMESTAMP",
	pgtype.TimestamptzOID: "TIMESTAMP WITH TIME ZONE", pgtype.IntervalOID: "INTERVAL", pgtype.UUIDOID: "UUID", pgtype.ByteaOID: "BLOB", pgtype.JSONOID: "JSON", pgtype.JSONBOID: "JSON",
	pgtype.TextOID: "VARCHAR", pgtype.VarcharOID: "VARCHAR", pgtype.BPCharOID: "VARCHAR", pgtype.NameOID: "VARCHAR", pgtype.UnknownOID: "VARCHAR", pgtype.QCharOID: "VARCHAR",
	pgtype.BoolArrayOID: "BOOLEAN[]", pgtype.Int2ArrayOID: "SMALLINT[]", pgtype.Int4ArrayOID: "INTEGER[]", pgtype.Int8ArrayOID: "BIGINT[]", pgtype.OIDArrayOID: "BIGINT[]",
	pgtype.TextArrayOID: "VARCHAR[]", pgtype.VarcharArrayOID: "VARCHAR[]", pgtype.NameArrayOID: "VARCHAR[]", pgtype.DateArrayOID: "DATE[]", pgtype.Float8ArrayOID: "DOUBLE[]", pgtype.UUIDArrayOID: "UUID[]",
	pgtype.NumericArrayOID: "DECIMAL(38,9)[]", pgtype.TimestampArrayOID: "TIMESTAMP[]", pgtype.TimestamptzArrayOID: "TIMESTAMP WITH TIME ZONE[]", pgtype.Float4ArrayOID: "FLOAT[]",
}

// elements are the types of the values of arrays.
var elements = map[uint32]uint32{
	pgtype.BoolArrayOID: pgtype.BoolOID, pgtype.Int2ArrayOID: pgtype.Int2OID, pgtype.Int4ArrayOID: pgtype.Int4OID, pgtype.Int8ArrayOID: pgtype.Int8OID, pgtype.OIDArrayOID: pgtype.OIDOID,
	pgtype.TextArrayOID: pgtype.TextOID, pgtype.VarcharArrayOID: pgtype.TextOID, pgtype.NameArrayOID: pgtype.TextOID, pgtype.DateArrayOID: pgtype.DateOID,
	pgtype.Float8ArrayOID: pgtype.Float8OID, pgtype.UUIDArrayOID: pgtype.UUIDOID, pgtype.NumericArrayOID: pgtype.NumericOID, pgtype.TimestampArrayOID: pgtype.TimestampOID,
	pgtype.TimestamptzArrayOID: pgtype.TimestamptzOID, pgtype.Float4ArrayOID: pgtype.Float4OID,
}

// typesOf returns the types as which columns are sent. In the catalog numbers of objects have a type of their own.
func typesOf(columns []warehouse.Column, ofCatalog bool) []pgType {
	types := make([]pgType, len(columns))
	for i, c := range columns {
		types[i] = typeOf(c)
		if oid := catalogOIDs[c.SQL]; ofCatalog && oid != 0 {
			types[i] = typed(oid)
		}
	}
	return types
}

// catalogOIDs are the types of the numbers of objects.
var catalogOIDs = map[string]uint32{"UINTEGER": pgtype.OIDOID, "UINTEGER[]": pgtype.OIDArrayOID}

func typeOf(c warehouse.Column) pgType {
	if c.Type.Kind == column.Decimal {
		return pgType{pgtype.NumericOID, -1, int32(c.Type.Precision)<<16 | int32(c.Type.Scale) + 4}
	}
	if oid := oidOf(c.SQL); oid != 0 && oid != pgtype.IntervalOID {
		return typed(oid)
	}
	return typed(pgtype.TextOID)
}

// oidOf returns the number of the type for DuckDB's name of a type; 0 if there is none.
func oidOf(sqlType string) uint32 {
	if element, isList := strings.CutSuffix(sqlType, "[]"); isList {
		return arrayOf(element)
	}
	if isDecimal(sqlType) {
		return pgtype.NumericOID
	}
	return oids[sqlType]
}

// arrayOf returns the number of the type of arrays of DuckDB's type; 0 if there is none.
func arrayOf(element string) uint32 {
	if isDecimal(element) {
		return pgtype.NumericArrayOID
	}
	return arrays[element]
}

func isDecimal(sqlType string) bool {
	return strings.HasPrefix(sqlType, "DECIMAL(") && strings.HasSuffix(sqlType, ")")
}

// asText is the text of a value as PostgreSQL writes it, where DuckDB writes another one.
func asText(value, sqlType string) string {
	element, isList := strings.CutSuffix(sqlType, "[]")
	switch {
	case sqlType == "BLOB":
		return "'\\x' || lower(hex(" + value + "))"
	case isList && arrayOf(element) != 0:
		return "'{' || array_to_string(list_transform(" + value + ", lambda e: coalesce('\"' || replace(replace(CAST(e AS VARCHAR), '\\', '\\\\'), '\"', '\\\"') || '\"', 'NULL')), ',') || '}'"
	}
	return "CAST(" + value + " AS VARCHAR)"
}
