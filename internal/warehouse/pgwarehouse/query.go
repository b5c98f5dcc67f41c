// Results of queries as columns. Values of known types arrive in binary form, all others as text.

package pgwarehouse

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"bursar/internal/column"
	"bursar/internal/decimal"
	"bursar/internal/failure"
	"bursar/internal/warehouse"
)

// batchRows is how many rows are passed on at a time.
const batchRows = 1 << 13

// binaryTypes are the types that are read in binary form.
var binaryTypes = pgx.QueryResultFormatsByOID{
	pgtype.BoolOID: pgx.BinaryFormatCode, pgtype.Int2OID: pgx.BinaryFormatCode, pgtype.Int4OID: pgx.BinaryFormatCode,
	pgtype.Int8OID: pgx.BinaryFormatCode, pgtype.DateOID: pgx.BinaryFormatCode, pgtype.TimestampOID: pgx.BinaryFormatCode,
	pgtype.TimestamptzOID: pgx.BinaryFormatCode,
}

var kinds = map[uint32]column.Kind{
	pgtype.BoolOID: column.Bool, pgtype.Int2OID: column.Int, pgtype.Int4OID: column.Int, pgtype.Int8OID: column.BigInt,
	pgtype.DateOID: column.Date, pgtype.TimestampOID: column.Timestamp, pgtype.TimestamptzOID: column.Timestamp,
	pgtype.TextOID: column.String, pgtype.VarcharOID: column.String, pgtype.JSONOID: column.JSON, pgtype.JSONBOID: column.JSON,
}

// typeOf returns the column type of a type of PostgreSQL. Numbers whose scale is not declared have none.
func typeOf(oid uint32, modifier int32) column.Type {
	if oid == pgtype.NumericOID && modifier >= 4 { // precision << 16 | scale, and 4
		precision, scale := int((modifier-4)>>16), int((modifier-4)&0xffff)
		if precision <= 38 && scale <= precision {
			return column.Type{Kind: column.Decimal, Precision: precision, Scale: scale}
		}
	}
	return column.Type{Kind: kinds[oid]}
}

func (t *tx) Query(ctx context.Context, sql string, each func(columns []warehouse.Column, rows []column.Vector) error) error {
	rows, err := t.tx.Query(ctx, sql, pgx.QueryExecModeDescribeExec, binaryTypes) // a cached plan would outlive the table
	if err != nil {
		return classify(err)
	}
	defer rows.Close()
	columns, vectors := t.columns(rows.FieldDescriptions())
	if len(columns) == 0 { // it has failed, or returns nothing
		for rows.Next() { //nolint:revive // until the error is known
		}
		if err := rows.Err(); err != nil {
			return classify(err)
		}
		return failure.Wrap(failure.Data, fmt.Errorf("the statement returns no columns"))
	}
	called := false
	pass := func() error {
		called = true
		err := each(columns, vectors)
		for i := range vectors {
			vectors[i].Reset()
		}
		return err
	}
	for rows.Next() {
		for i, value := range rows.RawValues() {
			if err := appendValue(&vectors[i], value); err != nil {
				return failure.Wrap(failure.Data, fmt.Errorf("column %s: %w", columns[i].Name, err))
			}
		}
		if vectors[0].Len() == batchRows {
			if err := pass(); err != nil {
				return err
			}
		}
	}
	if err := rows.Err(); err != nil {
		return classify(err)
	}
	if vectors[0].Len() > 0 || !called {
		return pass()
	}
	return nil
}

func (t *tx) columns(fields []pgconn.FieldDescription) (columns []warehouse.Column, vectors []column.Vector) {
	for _, f := range fields {
		c := warehouse.Column{Name: f.Name, Type: typeOf(f.DataTypeOID, f.TypeModifier), SQL: "another type"}
		if known, ok := t.tx.Conn().TypeMap().TypeForOID(f.DataTypeOID); ok {
			c.SQL = known.Name
		}
		kind := c.Type
		if kind.Kind == 0 {
			kind.Kind = column.String
		} else {
			c.SQL = t.db.Type(c.Type)
		}
		columns, vectors = append(columns, c), append(vectors, column.NewVector(kind, 0))
	}
	return columns, vectors
}

const (
	daysTo2000         = 10_957 // from 1970
	microsecondsTo2000 = daysTo2000 * 86_400_000_000
)

// appendValue appends a value in the form in which it was asked for; nil is null.
func appendValue(v *column.Vector, value []byte) error {
	switch {
	case value == nil:
		v.AppendNull()
	case v.Type.IsText():
		v.AppendText(value)
	case v.Type.Kind == column.Decimal:
		return appendDecimal(v, string(value))
	case v.Type.Kind == column.Timestamp:
		x := int64(binary.BigEndian.Uint64(value))
		if x == math.MaxInt64 || x == math.MinInt64 {
			return fmt.Errorf("an infinite timestamp cannot be represented; cast it to text")
		}
		v.AppendInt(x + microsecondsTo2000)
	case v.Type.Kind == column.Date:
		x := int32(binary.BigEndian.Uint32(value))
		if x == math.MaxInt32 || x == math.MinInt32 {
			return fmt.Errorf("an infinite date cannot be represented; cast it to text")
		}
		v.AppendInt(int64(x) + daysTo2000)
	default:
		v.AppendInt(integer(value))
	}
	return nil
}

// integer reads an integer or bool of any width.
func integer(value []byte) int64 {
	switch len(value) {
	case 1:
		return int64(value[0])
	case 2:
		return int64(int16(binary.BigEndian.Uint16(value)))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(value)))
	}
	return int64(binary.BigEndian.Uint64(value))
}

func appendDecimal(v *column.Vector, text string) error {
	unscaled, scale, ok := decimal.Parse(text)
	if !ok || scale != v.Type.Scale {
		return fmt.Errorf("%s is not a number with %d decimals; cast it to text", text, v.Type.Scale)
	}
	return v.AppendUnscaled(unscaled)
}
