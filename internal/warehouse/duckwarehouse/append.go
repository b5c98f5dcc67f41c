// Appending and staging rows, in Parquet files.

package duckwarehouse

import (
	"context"
	"fmt"
	"path/filepath"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/warehouse"
)

func (t *tx) Append(ctx context.Context, table string, columns []column.Field, rows warehouse.Rows) (int64, error) {
	from, n, err := t.Stage(ctx, columns, rows)
	if err != nil || n == 0 {
		return 0, err
	}
	list := warehouse.QuoteAll(t.db, columns)
	inserted, err := t.Exec(ctx, fmt.Sprintf("INSERT INTO %s (%s) SELECT %[2]s FROM %[3]s", quoted(table), list, from))
	if err == nil && inserted != n {
		err = &warehouse.LeftOutRowsError{Table: table, Got: inserted, Want: n}
	}
	return inserted, err
}

// Stage writes the rows into a file, from which each statement reads them.
func (t *tx) Stage(ctx context.Context, columns []column.Field, rows warehouse.Rows) (from string, n int64, err error) {
	t.staged++
	path := filepath.Join(t.folder, fmt.Sprintf("%d.parquet", t.staged))
	n, err = warehouse.WriteParquet(ctx, path, columns, rows)
	return "read_parquet(" + duck.Literal(path) + ")", n, err
}
