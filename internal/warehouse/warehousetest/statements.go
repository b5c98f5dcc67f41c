// Tests of errors about statements.

package warehousetest

import (
	"context"
	"errors"
	"testing"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/warehouse"
)

// errorsNameTheLine runs statements with errors in a line.
func errorsNameTheLine(t *testing.T, open Opener) {
	db := opened(t, open)
	nothing := func([]warehouse.Column, []column.Vector) error { return nil }
	for _, c := range []struct {
		sql  string
		line int
	}{
		{"SELECT missing", 1},
		{"SELECT 'ä', '\n\n' AS two,\r\n\tmissing", 4},
		{"SELECT 1\nFROM missing", 2},
		{"SELECT 1\n\n)", 3},
	} {
		query := db.Read(t.Context(), func(ctx context.Context, r warehouse.Reader) error { return r.Query(ctx, c.sql, nothing) })
		exec := db.Write(t.Context(), func(ctx context.Context, tx warehouse.Tx) error {
			_, err := tx.Exec(ctx, "CREATE TABLE t AS "+c.sql)
			return err
		})
		for _, err := range []error{query, exec} {
			var at *warehouse.StatementError
			if !errors.As(err, &at) || at.Line != c.line || at.Message == "" || failure.Of(err) != failure.Data {
				t.Errorf("%q: error %v, want line %d", c.sql, err, c.line)
			}
		}
	}
}
