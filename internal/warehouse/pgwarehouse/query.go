// Results of queries as columns. Integers, dates and timestamps arrive in binary form, all others as text.

package pgwarehouse

import (
	"context"
	"encoding/binary"
	"math"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"bursar/internal/column"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/pgask"
	"bursar/internal/warehouse/pgrows"
)

// binaryTypes are the types that are read in binary form.
var binaryTypes = pgx.QueryResultFormatsByOID{
	pgtype.BoolOID: pgx.BinaryFormatCode, pgtype.Int2OID: pgx.BinaryFormatCode, pgtype.Int4OID: pgx.BinaryFormatCode,
	pgtype.Int8OID: pgx.BinaryFormatCode, pgtype.DateOID: pgx.BinaryFormatCode, pgtype.TimestampOID: pgx.BinaryFormatCode,
	pgtype.TimestamptzOID: pgx.BinaryFormatCode,
}

func (t *tx) Query(ctx context.Context, sql string, each func(columns []warehouse.Column, rows []column.Vector) error) error {
	rows, err := t.tx.Query(ctx, sql, pgx.QueryExecModeDescribeExec, binaryTypes) // a cached plan would outlive the table
	if err == nil {
		err = pgrows.Read(rows, pgrows.Form{Column: t.column, Append: appendValue}, each)
	}
	return pgrows.Locate(t.classify(err), sql)
}

// Ask checks the statement before it is executed: see package pgask.
func (t *tx) Ask(ctx context.Context, sql string, each func(columns []warehouse.Column, rows []column.Vector) error) error {
	err := pgask.Check(ctx, t.tx, sql)
	if err == nil {
		err = t.Query(ctx, sql, each)
	}
	return t.classify(pgask.Error(err, sql))
}

// CheckSelect checks a SELECT as Ask does.
func (t *tx) CheckSelect(ctx context.Context, sql string) error {
	return t.classify(pgask.CheckSelect(ctx, t.tx, sql))
}

func (t *tx) column(f pgconn.FieldDescription) warehouse.Column {
	c := warehouse.Column{Name: f.Name, Type: pgrows.TypeOf(f.DataTypeOID, f.TypeModifier), SQL: "another type"}
	if c.Type.Kind != 0 {
		c.SQL = t.db.Type(c.Type)
	} else if known, ok := t.tx.Conn().TypeMap().TypeForOID(f.DataTypeOID); ok {
		c.SQL = known.Name
	}
	return c
}

const (
	daysTo2000         = 10_957 // from 1970
	microsecondsTo2000 = daysTo2000 * 86_400_000_000
)

// appendValue appends a value in the form in which it was asked for.
func appendValue(v *column.Vector, value []byte) error {
	x := int64(0)
	switch len(value) {
	case 1:
		x = int64(value[0])
	case 2:
		x = int64(int16(binary.BigEndian.Uint16(value)))
	case 4:
		x = int64(int32(binary.BigEndian.Uint32(value)))
	case 8:
		x = int64(binary.BigEndian.Uint64(value))
	}
	switch {
	case v.Type.Kind == column.Decimal:
		return pgrows.AppendDecimal(v, string(value))
	case v.Type.Kind == column.Timestamp && (x == math.MaxInt64 || x == math.MinInt64), v.Type.Kind == column.Date && (x == math.MaxInt32 || x == math.MinInt32):
		return warehouse.ErrInfinite
	case v.Type.Kind == column.Timestamp:
		x += microsecondsTo2000
	case v.Type.Kind == column.Date:
		x += daysTo2000
	}
	v.AppendInt(x)
	return nil
}
