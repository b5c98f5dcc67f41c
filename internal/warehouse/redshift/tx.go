// What a transaction does with tables.

package redshift

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"bursar/internal/column"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/pgrows"
)

type tx struct {
	db     *Database
	tx     pgx.Tx
	staged int // temporary tables
}

func (t *tx) quoted(name string) string { return warehouse.Quote(t.db, name) }

func (t *tx) Exec(ctx context.Context, sql string) (rows int64, err error) {
	tag, err := t.tx.Exec(ctx, sql)
	return tag.RowsAffected(), pgrows.Locate(classify(err), sql)
}

func (t *tx) run(ctx context.Context, format string, args ...any) error {
	_, err := t.Exec(ctx, fmt.Sprintf(format, args...))
	return err
}

func (t *tx) Create(ctx context.Context, table string, columns []column.Field) error {
	sql, err := warehouse.CreateSQL(t.db, table, columns)
	if err == nil {
		_, err = t.Exec(ctx, sql)
	}
	return err
}

// AddColumns adds one after another: ALTER TABLE takes one.
func (t *tx) AddColumns(ctx context.Context, table string, columns []column.Field) error {
	for _, c := range columns {
		if err := t.run(ctx, "ALTER TABLE %s ADD COLUMN %s", t.quoted(table), warehouse.Define(t.db, c)); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) Drop(ctx context.Context, table string) error {
	return t.run(ctx, "DROP TABLE IF EXISTS %s", t.quoted(table))
}

// Index does nothing: Redshift has no indexes.
func (t *tx) Index(context.Context, string, []string, bool) error { return nil }

// Replace keeps a table whose columns stay the same. One with other columns is dropped, which Redshift refuses while a view reads it.
func (t *tx) Replace(ctx context.Context, table, by string) error {
	_, done, err := warehouse.ReplaceRows(ctx, t.db, t, table, by)
	if err == nil && !done {
		err = t.Drop(ctx, table)
	}
	if err != nil || done {
		return err
	}
	return t.run(ctx, "ALTER TABLE %s RENAME TO %s", t.quoted(by), t.quoted(table))
}

// tableSQL reads SVV_COLUMNS: https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_COLUMNS.html.
const tableSQL = `
SELECT c.column_name, c.data_type, coalesce(c.character_maximum_length, 0), coalesce(c.numeric_precision, 0), coalesce(c.numeric_scale, 0), t.table_type = 'VIEW'
FROM svv_columns c JOIN svv_tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
WHERE c.table_schema = $1 AND c.table_name = $2 ORDER BY c.ordinal_position`

func (t *tx) Table(ctx context.Context, name string) (out warehouse.Table, found bool, err error) {
	out.Name = name
	rows, err := t.tx.Query(ctx, tableSQL, t.db.config.Schema, t.db.Name(name))
	if err != nil {
		return out, false, classify(err)
	}
	var c warehouse.Column
	var length, precision, scale int
	_, err = pgx.ForEachRow(rows, []any{&c.Name, &c.SQL, &length, &precision, &scale, &out.View}, func() error {
		switch c.SQL {
		case "numeric":
			c.SQL = fmt.Sprintf("numeric(%d,%d)", precision, scale)
		case "character varying":
			c.SQL = fmt.Sprintf("character varying(%d)", length)
		}
		c.Type = t.typeOf(c.SQL)
		out.Columns = append(out.Columns, c)
		return nil
	})
	return out, len(out.Columns) > 0, classify(err)
}

var plainTypes = []column.Type{
	{Kind: column.String}, {Kind: column.Bool}, {Kind: column.Int}, {Kind: column.BigInt}, {Kind: column.Date}, {Kind: column.Timestamp}, {Kind: column.JSON},
}

// typeOf returns the column type of Redshift's name of a type.
func (t *tx) typeOf(sql string) column.Type {
	for _, plain := range plainTypes {
		if sql == t.db.Type(plain) {
			return plain
		}
	}
	number := column.Type{Kind: column.Decimal}
	if n, err := fmt.Sscanf(sql, "numeric(%d,%d)", &number.Precision, &number.Scale); n != 2 || err != nil {
		return column.Type{}
	}
	return number
}
