// Descriptions of statements with parameters.

package duck

import (
	"context"
	"fmt"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// plainTypes are the names of types without parameters.
var plainTypes = map[duckdb.Type]string{
	duckdb.TypeBoolean: "BOOLEAN", duckdb.TypeTinyInt: "TINYINT", duckdb.TypeSmallInt: "SMALLINT", duckdb.TypeInteger: "INTEGER",
	duckdb.TypeBigInt: "BIGINT", duckdb.TypeUTinyInt: "UTINYINT", duckdb.TypeUSmallInt: "USMALLINT", duckdb.TypeUInteger: "UINTEGER",
	duckdb.TypeHugeInt: "HUGEINT", duckdb.TypeUBigInt: "UBIGINT", duckdb.TypeFloat: "FLOAT", duckdb.TypeDouble: "DOUBLE", duckdb.TypeDate: "DATE", duckdb.TypeTime: "TIME",
	duckdb.TypeTimestamp: "TIMESTAMP", duckdb.TypeTimestampTZ: "TIMESTAMP WITH TIME ZONE", duckdb.TypeInterval: "INTERVAL", duckdb.TypeUUID: "UUID", duckdb.TypeBlob: "BLOB",
	duckdb.TypeVarchar: "VARCHAR",
}

// maxParameter is more than the number of any parameter.
const maxParameter = 1 << 16

// Prepared describes a statement with parameters.
type Prepared struct {
	Parameters map[string]string // the names of their types, by number; "" where any type does, or another one than a plain one
	Columns    []PreparedColumn
}

// PreparedColumn is a column of its result.
type PreparedColumn struct {
	Name string
	Type string // as DESCRIBE names it; "" for a type within another one, unless it is a list of plain values
}

// DescribePrepared describes a statement with parameters, without executing it. Preparing it may read files: a statement of a person must have
// passed CheckAsked with other values in place of its parameters.
func (s *Session) DescribePrepared(ctx context.Context, sql string) (Prepared, error) {
	defer s.interruptOn(ctx)()
	p := Prepared{Parameters: map[string]string{}}
	var stmt duckdb.PreparedStatement
	defer duckdb.DestroyPrepare(&stmt)
	if duckdb.Prepare(s.conn, sql, &stmt) != duckdb.StateSuccess {
		return p, s.failure(ctx, duckdb.PrepareError(stmt))
	}
	for i := duckdb.IdxT(1); len(p.Parameters) < int(duckdb.NParams(stmt)) && i < maxParameter; i++ {
		if name := duckdb.ParameterName(stmt, i); name != "" { // numbers may be left out
			p.Parameters[name] = nameOf(duckdb.ParamLogicalType(stmt, i))
		}
	}
	for i := range duckdb.PreparedStatementColumnCount(stmt) {
		p.Columns = append(p.Columns, PreparedColumn{duckdb.PreparedStatementColumnName(stmt, i), nameOf(duckdb.PreparedStatementColumnLogicalType(stmt, i))})
	}
	return p, nil
}

// nameOf returns the name of a type, and frees it.
func nameOf(logical duckdb.LogicalType) string {
	if logical.Ptr == nil { // of a parameter of any type
		return ""
	}
	defer duckdb.DestroyLogicalType(&logical)
	switch id := duckdb.GetTypeId(logical); {
	case duckdb.LogicalTypeGetAlias(logical) == "JSON":
		return "JSON"
	case id == duckdb.TypeDecimal:
		return fmt.Sprintf("DECIMAL(%d,%d)", duckdb.DecimalWidth(logical), duckdb.DecimalScale(logical))
	case id == duckdb.TypeList:
		if element := nameOf(duckdb.ListTypeChildType(logical)); element != "" {
			return element + "[]"
		}
		return ""
	default:
		return plainTypes[id]
	}
}
