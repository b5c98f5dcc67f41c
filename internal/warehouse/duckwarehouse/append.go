// Appending and staging rows, in Parquet files.

package duckwarehouse

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/warehouse"
)

// groupRows is how many rows a row group has at least: DuckDB reads row groups in parallel, and stores as many in one of its own.
const groupRows = 120_000

// groupBytes is how many bytes of text a column of a row group may have before it is written with fewer rows.
const groupBytes = 64 << 20

func (t *tx) Append(ctx context.Context, table string, columns []column.Field, rows warehouse.Rows) (int64, error) {
	from, n, err := t.Stage(ctx, columns, rows)
	if err != nil || n == 0 {
		return 0, err
	}
	list := warehouse.QuoteAll(t.db, columns)
	inserted, err := t.Exec(ctx, fmt.Sprintf("INSERT INTO %s (%s) SELECT %[2]s FROM %[3]s", quoted(table), list, from))
	if err == nil && inserted != n {
		err = fmt.Errorf("append to table %s: %d of %d rows were inserted", table, inserted, n)
	}
	return inserted, err
}

// Stage writes the rows into a file, from which each statement reads them.
func (t *tx) Stage(ctx context.Context, columns []column.Field, rows warehouse.Rows) (from string, n int64, err error) {
	t.staged++
	path := filepath.Join(t.folder, fmt.Sprintf("%d.parquet", t.staged))
	n, err = writeRows(ctx, path, columns, rows)
	return "read_parquet(" + duck.Literal(path) + ")", n, err
}

// writeRows writes rows into a file that only lives as long as the transaction.
func writeRows(ctx context.Context, path string, columns []column.Field, rows warehouse.Rows) (n int64, err error) {
	file, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer file.Close() // an error of the writes is returned by Flush
	buffer := bufio.NewWriterSize(file, 1<<20)
	w, err := column.NewParquetWriter(buffer, columns)
	if err != nil {
		return 0, err
	}
	group := column.NewVectors(column.Types(columns), 0)
	flush := func(least int) error {
		hasBytes := slices.ContainsFunc(group, func(v column.Vector) bool { return len(v.Bytes) >= groupBytes })
		if group[0].Len() < least && !hasBytes {
			return nil
		}
		if err := w.WriteGroup(group); err != nil {
			return err
		}
		for i := range group {
			group[i].Reset()
		}
		return nil
	}
	for vectors, err := range rows {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return 0, err
		}
		n += int64(vectors[0].Len())
		for i := range group {
			group[i].AppendAll(&vectors[i])
		}
		if err := flush(groupRows); err != nil {
			return 0, err
		}
	}
	if err := flush(1); err != nil {
		return 0, err
	}
	if err := w.Close(); err != nil {
		return 0, err
	}
	return n, buffer.Flush()
}
