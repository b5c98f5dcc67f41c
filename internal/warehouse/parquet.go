// Rows as Parquet files, on their way between a database and an object.

package warehouse

import (
	"bufio"
	"context"
	"os"
	"slices"

	"bursar/internal/column"
)

// groupRows is how many rows a row group has at least: DuckDB reads row groups in parallel, and stores as many in one of its own.
const groupRows = 120_000

// groupBytes is how many bytes of text a column of a row group may have before it is written with fewer rows.
const groupBytes = 64 << 20

// WriteParquet writes rows into a new file, and returns how many. The file is not durable.
func WriteParquet(ctx context.Context, path string, columns []column.Field, rows Rows) (n int64, err error) {
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
