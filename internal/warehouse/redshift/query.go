// Results of queries as columns. All values arrive as text.

package redshift

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"bursar/internal/column"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/pgask"
	"bursar/internal/warehouse/pgrows"
)

// superOID is the type SUPER.
const superOID = 4000

func (t *tx) Query(ctx context.Context, sql string, each func(columns []warehouse.Column, rows []column.Vector) error) error {
	rows, err := t.tx.Query(ctx, sql)
	if err == nil {
		err = pgrows.Read(rows, pgrows.Form{Column: t.column, Append: appendValue}, each)
	}
	return pgrows.Locate(classify(err), sql)
}

// systemTables begin the names of Redshift's own tables and views, which show statements of others to a superuser (manual: "System tables and views
// reference").
var systemTables = []string{"stl_", "stv_", "svcs_", "svl_", "svv_", "sys_"}

// Ask checks the statement before it is executed: see package pgask.
func (t *tx) Ask(ctx context.Context, sql string, each func(columns []warehouse.Column, rows []column.Vector) error) error {
	err := pgask.Check(ctx, t.tx, sql, systemTables...)
	if err == nil {
		err = t.Query(ctx, sql, each)
	}
	return classify(pgask.Error(err, sql))
}

// CheckSelect checks a SELECT as Ask does.
func (t *tx) CheckSelect(ctx context.Context, sql string) error {
	return classify(pgask.CheckSelect(ctx, t.tx, sql, systemTables...))
}

func (t *tx) column(f pgconn.FieldDescription) warehouse.Column {
	c := warehouse.Column{Name: f.Name, Type: pgrows.TypeOf(f.DataTypeOID, f.TypeModifier), SQL: "another type"}
	if f.DataTypeOID == superOID {
		c.Type = column.Type{Kind: column.JSON}
	}
	if c.Type.Kind != 0 {
		c.SQL = t.db.Type(c.Type)
	} else if known, ok := t.tx.Conn().TypeMap().TypeForOID(f.DataTypeOID); ok {
		c.SQL = known.Name
	}
	return c
}

// timestampForm is that of a timestamp with and without a zone, which is UTC in every session.
const timestampForm = "2006-01-02 15:04:05.999999"

func appendValue(v *column.Vector, value []byte) error {
	text := string(value)
	switch v.Type.Kind {
	case column.Bool:
		v.AppendInt(map[string]int64{"t": 1, "true": 1}[text])
	case column.Decimal:
		return pgrows.AppendDecimal(v, text)
	case column.Date, column.Timestamp:
		return appendTime(v, text)
	default:
		x, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return err
		}
		v.AppendInt(x)
	}
	return nil
}

func appendTime(v *column.Vector, text string) error {
	if strings.HasSuffix(text, "infinity") {
		return warehouse.ErrInfinite
	}
	form := time.DateOnly
	if v.Type.Kind == column.Timestamp {
		form, text = timestampForm, strings.TrimSuffix(text, "+00")
	}
	at, err := time.Parse(form, text)
	if err != nil {
		return err
	}
	if v.Type.Kind == column.Date {
		v.AppendInt(at.Unix() / 86_400)
		return nil
	}
	v.AppendInt(at.UnixMicro())
	return nil
}
