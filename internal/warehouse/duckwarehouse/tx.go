// What a transaction does with tables.

package duckwarehouse

import (
	"context"
	"fmt"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/warehouse"
)

type tx struct {
	db      *Database
	session *duck.Session
	asker   Asker  // of the session
	folder  string // for files of rows
	staged  int    // files in it
}

func (t *tx) Exec(ctx context.Context, sql string) (rows int64, err error) {
	rows, err = t.session.Change(ctx, sql)
	return rows, classify(err)
}

func (t *tx) run(ctx context.Context, format string, args ...any) error {
	return t.session.Exec(ctx, fmt.Sprintf(format, args...))
}

func (t *tx) Create(ctx context.Context, table string, columns []column.Field) error {
	sql, err := warehouse.CreateSQL(t.db, table, columns)
	if err == nil {
		_, err = t.Exec(ctx, sql)
	}
	return err
}

func (t *tx) AddColumns(ctx context.Context, table string, columns []column.Field) error {
	for _, c := range columns {
		if err := t.run(ctx, "ALTER TABLE %s ADD COLUMN %s", quoted(table), warehouse.Define(t.db, c)); err != nil {
			return err
		}
	}
	return nil
}

// Index does nothing: DuckDB skips row groups by their least and greatest values, and scans the others faster than it maintains an index.
func (t *tx) Index(context.Context, string, []string, bool) error { return nil }

func (t *tx) Replace(ctx context.Context, table, by string) error {
	if err := t.Drop(ctx, table); err != nil {
		return err
	}
	return t.run(ctx, "ALTER TABLE %s RENAME TO %s", quoted(by), quoted(table))
}

func (t *tx) Drop(ctx context.Context, table string) error {
	return t.run(ctx, "DROP TABLE IF EXISTS %s", quoted(table))
}

const tableSQL = `SELECT table_type = 'VIEW' FROM information_schema.tables
WHERE table_catalog = current_database() AND table_schema = 'main' AND table_name = %s`

func (t *tx) Table(ctx context.Context, name string) (out warehouse.Table, found bool, err error) {
	out.Name = name
	err = t.session.Query(ctx, fmt.Sprintf(tableSQL, duck.Literal(name)), func(rows []column.Vector) error {
		found, out.View = true, rows[0].Ints[0] == 1
		return nil
	})
	if found && err == nil {
		out.Columns, err = t.asker.describe(ctx, "FROM "+quoted(name))
	}
	return out, found, classify(err)
}

func quoted(name string) string { return column.QuoteIdentifier(name) }
