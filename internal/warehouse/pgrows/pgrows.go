// Package pgrows reads results of pgx as columns, and names the types of columns, for the warehouses that speak PostgreSQL's protocol. It must
// not know in which form a database sends the values of a type.
package pgrows

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"bursar/internal/column"
	"bursar/internal/decimal"
	"bursar/internal/failure"
	"bursar/internal/warehouse"
)

// Rows are passed on when there are so many, or so many bytes of text in a column. A value has at most a gigabyte.
const (
	batchRows  = 1 << 13
	batchBytes = 1 << 26
)

// Form is the form of values in a result.
type Form struct {
	// Column describes a column of a result.
	Column func(pgconn.FieldDescription) warehouse.Column
	// Append appends a value that is not null, nor of a text or of a column without type.
	Append func(v *column.Vector, value []byte) error
}

// Read passes rows on as warehouse.Reader.Query does, and closes them. Errors are pgx's, or of class Data.
func Read(rows pgx.Rows, form Form, each func(columns []warehouse.Column, rows []column.Vector) error) error {
	defer rows.Close()
	r := &reader{form: form, each: each}
	for _, f := range rows.FieldDescriptions() {
		c := form.Column(f)
		t := c.Type
		if t.Kind == 0 {
			t.Kind = column.String
		}
		r.columns, r.vectors = append(r.columns, c), append(r.vectors, column.NewVector(t, 0))
	}
	for rows.Next() {
		if err := r.add(rows.RawValues()); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if len(r.columns) == 0 {
		return failure.Wrap(failure.Data, errors.New("the statement returns no rows: it must be a SELECT"))
	}
	if r.vectors[0].Len() > 0 || !r.called {
		return r.pass()
	}
	return nil
}

type reader struct {
	form    Form
	each    func(columns []warehouse.Column, rows []column.Vector) error
	columns []warehouse.Column
	vectors []column.Vector
	called  bool
}

func (r *reader) add(values [][]byte) error {
	full := false
	for i, value := range values {
		v := &r.vectors[i]
		switch {
		case value == nil:
			v.AppendNull()
		case v.Type.IsText():
			v.AppendText(value)
			full = full || len(v.Bytes) >= batchBytes
		default:
			if err := r.form.Append(v, value); err != nil {
				return failure.Wrap(failure.Data, fmt.Errorf("column %s: %w", r.columns[i].Name, err))
			}
		}
	}
	if r.vectors[0].Len() < batchRows && !full {
		return nil
	}
	return r.pass()
}

func (r *reader) pass() error {
	r.called = true
	err := r.each(r.columns, r.vectors)
	for i := range r.vectors {
		r.vectors[i].Reset()
	}
	return err
}

// TypeName returns the name of a type in SQL; that of texts and that of JSON are the database's own.
func TypeName(t column.Type, text, json string) string {
	switch t.Kind {
	case column.Bool:
		return "boolean"
	case column.Int:
		return "integer"
	case column.BigInt:
		return "bigint"
	case column.Decimal:
		return fmt.Sprintf("numeric(%d,%d)", t.Precision, t.Scale)
	case column.Date:
		return "date"
	case column.Timestamp:
		return "timestamp with time zone"
	case column.JSON:
		return json
	}
	return text
}

var kinds = map[uint32]column.Kind{
	pgtype.BoolOID: column.Bool, pgtype.Int2OID: column.Int, pgtype.Int4OID: column.Int, pgtype.Int8OID: column.BigInt,
	pgtype.DateOID: column.Date, pgtype.TimestampOID: column.Timestamp, pgtype.TimestamptzOID: column.Timestamp,
	pgtype.TextOID: column.String, pgtype.VarcharOID: column.String, pgtype.JSONOID: column.JSON, pgtype.JSONBOID: column.JSON,
}

// TypeOf returns the column type of a type of PostgreSQL; its Kind is 0 if there is none. Numbers whose scale is not declared have none.
func TypeOf(oid uint32, modifier int32) column.Type {
	if oid == pgtype.NumericOID && modifier >= 4 { // precision << 16 | scale, and 4
		precision, scale := int((modifier-4)>>16), int((modifier-4)&0xffff)
		if precision <= 38 && scale <= precision {
			return column.Type{Kind: column.Decimal, Precision: precision, Scale: scale}
		}
	}
	return column.Type{Kind: kinds[oid]}
}

// AppendDecimal appends a number that is written with the scale of its type.
func AppendDecimal(v *column.Vector, text string) error {
	unscaled, scale, ok := decimal.Parse(text)
	if !ok || scale != v.Type.Scale {
		return fmt.Errorf("%s is not a number with %d decimals; cast it to text", text, v.Type.Scale)
	}
	return v.AppendUnscaled(unscaled)
}
