// What can be asked: the tables and views of a warehouse.

package ask

import (
	"context"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/warehouse"
)

// tablesSQL lists the tables and views of the warehouse's schema, in every database.
const tablesSQL = `SELECT table_name FROM information_schema.tables
WHERE table_catalog = current_database() AND table_schema = current_schema() ORDER BY table_name`

// Names returns the names of tables and views: first those with data, then Bursar's records of them.
func Names(ctx context.Context, db warehouse.Database) (names []string, err error) {
	err = db.Read(ctx, func(ctx context.Context, r warehouse.Reader) error {
		names, err = namesIn(ctx, r)
		return err
	})
	return names, err
}

// ownPrefix begins the names of the tables in which Bursar records what is published.
const ownPrefix = "bursar_"

// hidden are tables of the backends: nobody asks about versions of a schema, or a table that is only locked. The others are what the archive has
// to do.
var hidden = []string{"bursar_schema", "bursar_write_lock", "bursar_archive_dropped", "bursar_archive_kept", "bursar_archive_identity"}

func isOwn(name string) bool { return strings.HasPrefix(name, ownPrefix) }

// HasData reports whether one of these tables has data.
func HasData(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return !isOwn(name) })
}

func namesIn(ctx context.Context, r warehouse.Reader) (names []string, err error) {
	var own []string
	err = r.Query(ctx, tablesSQL, func(_ []warehouse.Column, rows []column.Vector) error {
		for i := range rows[0].Len() {
			switch name := string(rows[0].Text(i)); {
			case slices.Contains(hidden, name):
			case isOwn(name):
				own = append(own, name)
			default:
				names = append(names, name)
			}
		}
		return nil
	})
	return append(names, own...), err
}

// Tables returns the tables and views with their columns.
func Tables(ctx context.Context, db warehouse.Database) (tables []warehouse.Table, err error) {
	err = db.Read(ctx, func(ctx context.Context, r warehouse.Reader) error {
		names, err := namesIn(ctx, r)
		if err != nil {
			return err
		}
		tables = nil
		for _, name := range names {
			table, found, err := r.Table(ctx, name)
			if table.View && failure.Of(err) == failure.Data { // in DuckDB, one of columns or files that do not exist any more
				err = nil
			}
			if err != nil {
				return err
			}
			if found {
				tables = append(tables, table)
			}
		}
		return nil
	})
	return tables, err
}
