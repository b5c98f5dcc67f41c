// The types of a statement's parameters.

package duck

import (
	"context"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// parameterTypes are the names of the types that parameters may have, without those that have parameters of their own.
var parameterTypes = map[duckdb.Type]string{
	duckdb.TypeBoolean: "BOOLEAN", duckdb.TypeTinyInt: "SMALLINT", duckdb.TypeSmallInt: "SMALLINT", duckdb.TypeInteger: "INTEGER",
	duckdb.TypeBigInt: "BIGINT", duckdb.TypeUTinyInt: "SMALLINT", duckdb.TypeUSmallInt: "INTEGER", duckdb.TypeUInteger: "UINTEGER",
	duckdb.TypeHugeInt: "DECIMAL", duckdb.TypeUBigInt: "DECIMAL", duckdb.TypeDecimal: "DECIMAL", duckdb.TypeFloat: "FLOAT", duckdb.TypeDouble: "DOUBLE",
	duckdb.TypeDate: "DATE", duckdb.TypeTime: "TIME", duckdb.TypeTimestamp: "TIMESTAMP", duckdb.TypeTimestampTZ: "TIMESTAMP WITH TIME ZONE",
	duckdb.TypeInterval: "INTERVAL", duckdb.TypeUUID: "UUID", duckdb.TypeBlob: "BLOB", duckdb.TypeVarchar: "VARCHAR",
}

// ParameterTypes prepares a statement with parameters, and returns the names of the types that DuckDB expects of them, by number: "" where any
// type does, or one that is not listed here. It does not execute the statement, but preparing one may read files: a statement of a person must
// have passed CheckAsked with other values in place of its parameters.
func (s *Session) ParameterTypes(ctx context.Context, sql string) (map[string]string, error) {
	defer s.interruptOn(ctx)()
	var stmt duckdb.PreparedStatement
	defer duckdb.DestroyPrepare(&stmt)
	if duckdb.Prepare(s.conn, sql, &stmt) != duckdb.StateSuccess {
		return nil, s.failure(ctx, duckdb.PrepareError(stmt))
	}
	types := map[string]string{}
	for i := range duckdb.NParams(stmt) {
		types[duckdb.ParameterName(stmt, i+1)] = parameterType(stmt, i+1)
	}
	return types, nil
}

// parameterType returns the type of a parameter, with [] behind it for a list of such values.
func parameterType(stmt duckdb.PreparedStatement, i duckdb.IdxT) string {
	if duckdb.ParamType(stmt, i) != duckdb.TypeList {
		return parameterTypes[duckdb.ParamType(stmt, i)]
	}
	logical := duckdb.ParamLogicalType(stmt, i)
	defer duckdb.DestroyLogicalType(&logical)
	child := duckdb.ListTypeChildType(logical)
	defer duckdb.DestroyLogicalType(&child)
	if element := parameterTypes[duckdb.GetTypeId(child)]; element != "" {
		return element + "[]"
	}
	return ""
}
