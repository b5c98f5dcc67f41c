// What a transaction does with tables.

package pgwarehouse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/postgres"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/pgrows"
)

type tx struct {
	db       *Database
	tx       pgx.Tx
	readOnly bool
	staged   int // temporary tables
}

func (t *tx) quoted(name string) string { return warehouse.Quote(t.db, name) }

func (t *tx) Exec(ctx context.Context, sql string) (rows int64, err error) {
	tag, err := t.tx.Exec(ctx, sql)
	return tag.RowsAffected(), pgrows.Locate(t.classify(err), sql)
}

func (t *tx) run(ctx context.Context, format string, args ...any) error {
	_, err := t.Exec(ctx, fmt.Sprintf(format, args...))
	return err
}

// classify gives errors about a statement the class Data: it comes from a person, or refers to what a person has changed. What a role lacks to
// write has a next step; what it lacks to read is asked for by a person.
func (t *tx) classify(err error) error {
	var reported *pgconn.PgError
	if errors.As(err, &reported) && (t.readOnly || reported.Code != insufficientRights) && (slices.Contains(statementErrors, reported.Code[:2]) || t.readOnly && reported.Code == readOnlyTransaction) {
		return failure.Wrap(failure.Data, err)
	}
	return postgres.Classify(err)
}

// Classes of SQLSTATE codes about statements: syntax or access rules, and dependent objects. Writing in a Read is an error of the statement, too.
var statementErrors = []string{"42", "2B"}

const (
	readOnlyTransaction = "25006"
	insufficientRights  = "42501"
)

func (t *tx) Create(ctx context.Context, table string, columns []column.Field) error {
	sql, err := warehouse.CreateSQL(t.db, table, columns)
	if err == nil {
		_, err = t.Exec(ctx, sql)
	}
	return err
}

func (t *tx) AddColumns(ctx context.Context, table string, columns []column.Field) error {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = "ADD COLUMN " + warehouse.Define(t.db, c)
	}
	return t.run(ctx, "ALTER TABLE %s %s", t.quoted(table), strings.Join(list, ", "))
}

func (t *tx) Drop(ctx context.Context, table string) error {
	return t.run(ctx, "DROP TABLE IF EXISTS %s", t.quoted(table))
}

const tableSQL = `
SELECT a.attname, format_type(a.atttypid, a.atttypmod), c.relkind IN ('v', 'm'), a.atttypid, a.atttypmod
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`

func (t *tx) Table(ctx context.Context, name string) (out warehouse.Table, found bool, err error) {
	out.Name = name
	rows, err := t.tx.Query(ctx, tableSQL, t.db.pool.Schema(), t.db.Name(name))
	if err != nil {
		return out, false, t.classify(err)
	}
	var c warehouse.Column
	var oid uint32
	var modifier int32
	_, err = pgx.ForEachRow(rows, []any{&c.Name, &c.SQL, &out.View, &oid, &modifier}, func() error {
		c.Type = pgrows.TypeOf(oid, modifier)
		out.Columns = append(out.Columns, c)
		return nil
	})
	return out, len(out.Columns) > 0, t.classify(err)
}
