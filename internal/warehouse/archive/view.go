// The view of a table with an archive: the rows in the warehouse and, where the database reads files, those of the warm tier.

package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/project"
	"bursar/internal/warehouse"
)

// Refresh creates or replaces the view of a table, within the transaction that has changed what it shows.
func (a *Archiver) Refresh(ctx context.Context, db warehouse.Database, tx warehouse.Tx, table string) error {
	stored, found, err := tx.Table(ctx, table)
	if err != nil || !found {
		return err
	}
	parts, err := a.parts(ctx, tx, table)
	if err != nil {
		return err
	}
	view := project.ArchiveView(table)
	if a.Copies == nil {
		if done, err := isCurrent(ctx, db, tx, &stored); err != nil || done {
			return err
		}
	}
	if _, err := tx.Exec(ctx, fmt.Sprintf("CREATE OR REPLACE VIEW %s AS %s", warehouse.Quote(db, view), a.viewSQL(db, &stored, parts))); err != nil {
		return fmt.Errorf("create view %s: %w", view, err)
	}
	return nil
}

// isCurrent reports whether the view of a database that reads no files has the columns of its table, and drops it if it cannot get them. In
// PostgreSQL, replacing a view waits for all who read it.
func isCurrent(ctx context.Context, db warehouse.Database, tx warehouse.Tx, stored *warehouse.Table) (bool, error) {
	view, found, err := tx.Table(ctx, project.ArchiveView(stored.Name))
	switch {
	case err != nil || !found:
		return false, err
	case !view.View:
		return false, failure.Wrap(failure.Data, fmt.Errorf("the warehouse has a table %s, which is the name of the view of table %s and its archive: rename or drop it", view.Name, stored.Name))
	case !begins(stored.Columns, view.Columns):
		return false, DropView(ctx, db, tx, stored.Name)
	}
	return len(stored.Columns) == len(view.Columns), nil
}

// begins reports whether columns begin with others.
func begins(columns, others []warehouse.Column) bool {
	return len(columns) >= len(others) && slices.EqualFunc(columns[:len(others)], others, func(a, b warehouse.Column) bool { return a.Name == b.Name && a.SQL == b.SQL })
}

// DropView drops the view of a table before the table gets other columns.
func DropView(ctx context.Context, db warehouse.Database, tx warehouse.Tx, table string) error {
	view := project.ArchiveView(table)
	if _, err := tx.Exec(ctx, "DROP VIEW IF EXISTS "+warehouse.Quote(db, view)); err != nil {
		return fmt.Errorf("replace view %s: %w; drop what reads it, and create that again after that", view, err)
	}
	return nil
}

// viewSQL selects the rows of a table, and those of its warm parts with the same columns.
func (a *Archiver) viewSQL(db warehouse.Database, stored *warehouse.Table, parts []Part) string {
	names := make([]string, len(stored.Columns))
	for i, c := range stored.Columns {
		names[i] = column.QuoteIdentifier(c.Name)
	}
	selects := []string{fmt.Sprintf("SELECT %s FROM %s", strings.Join(names, ", "), warehouse.Quote(db, stored.Name))}
	for _, same := range bySameColumns(parts) {
		files := make([]string, len(same))
		for i := range same {
			files[i] = duck.Literal(a.Copies.Path(same[i].Object))
		}
		values := make([]string, len(stored.Columns))
		for i, c := range stored.Columns {
			value := "NULL"
			if slices.ContainsFunc(same[0].columns, func(f column.Field) bool { return db.Name(f.Name) == c.Name }) {
				value = column.QuoteIdentifier(c.Name)
			}
			values[i] = fmt.Sprintf("CAST(%s AS %s) AS %s", value, c.SQL, column.QuoteIdentifier(c.Name))
		}
		selects = append(selects, fmt.Sprintf("SELECT %s FROM read_parquet([%s])", strings.Join(values, ", "), strings.Join(files, ", ")))
	}
	return strings.Join(selects, " UNION ALL ")
}

// bySameColumns groups the warm parts.
func bySameColumns(parts []Part) (groups [][]Part) {
	for _, p := range parts {
		if p.Tier != Warm {
			continue
		}
		i := slices.IndexFunc(groups, func(g []Part) bool { return columnsText(g[0].columns) == columnsText(p.columns) })
		if i < 0 {
			groups = append(groups, []Part{p})
		} else {
			groups[i] = append(groups[i], p)
		}
	}
	return groups
}

// warm lists the objects that views read.
func warm(parts []Part) (list []object.Description) {
	for i := range parts {
		if parts[i].Tier == Warm {
			list = append(list, parts[i].Object)
		}
	}
	return list
}

// Prepare makes the files of the warm tier available, and the views read them where they are now: the project may have been moved. It is called
// when the warehouse is opened.
func (a *Archiver) Prepare(ctx context.Context, db warehouse.Database) error {
	if a.Copies == nil {
		return nil
	}
	var parts []Part
	moved := map[string]bool{}
	err := db.Read(ctx, func(ctx context.Context, r warehouse.Reader) (err error) {
		if parts, err = Parts(ctx, r, ""); err != nil || len(warm(parts)) == 0 {
			return err
		}
		definitions, err := views(ctx, r)
		clear(moved)
		for i := range parts {
			if p := &parts[i]; p.Tier == Warm && !strings.Contains(definitions[project.ArchiveView(p.Table)], a.Copies.Path(p.Object)) {
				moved[p.Table] = true
			}
		}
		return err
	})
	if err == nil && len(warm(parts)) > 0 && a.own(parts) == nil { // otherwise it is refused when it is used
		err = a.Copies.Fill(ctx, warm(parts))
	}
	if object.IsDamage(err) {
		err = nil // what reads the view gets the error, and nothing else is stopped by it
	}
	if err != nil || len(moved) == 0 {
		return err
	}
	return db.Write(ctx, func(ctx context.Context, tx warehouse.Tx) error {
		var errs []error
		for table := range moved {
			errs = append(errs, a.Refresh(ctx, db, tx, table))
		}
		return errors.Join(errs...)
	})
}

// views returns the definitions of the views in the warehouse's schema, by name.
func views(ctx context.Context, r warehouse.Reader) (map[string]string, error) {
	definitions := map[string]string{}
	sql := "SELECT table_name, view_definition FROM information_schema.views WHERE table_catalog = current_database() AND table_schema = current_schema()"
	err := r.Query(ctx, sql, func(_ []warehouse.Column, rows []column.Vector) error {
		for i := range rows[0].Len() {
			definitions[string(rows[0].Text(i))] = string(rows[1].AppendPlain(nil, i))
		}
		return nil
	})
	return definitions, err
}

// lacksFile reports whether a file is missing that the view of these parts reads.
func (a *Archiver) lacksFile(parts []Part) bool {
	return a.Copies != nil && slices.ContainsFunc(warm(parts), func(d object.Description) bool {
		_, err := os.Stat(a.Copies.Path(d))
		return errors.Is(err, fs.ErrNotExist)
	})
}

// Forget removes a table's parts from the journal, within the transaction that makes the table again with all its rows.
func (a *Archiver) Forget(ctx context.Context, tx warehouse.Tx, table string) error {
	parts, err := a.parts(ctx, tx, table)
	if err == nil {
		err = dropParts(ctx, tx, parts, a.Now())
	}
	return err
}

// IsBehind reports whether a table lacks its view, or has one that lacks columns or files.
func (a *Archiver) IsBehind(ctx context.Context, r warehouse.Reader, table string) (bool, error) {
	stored, found, err := r.Table(ctx, table)
	if err != nil || !found {
		return false, err
	}
	parts, err := a.parts(ctx, r, table)
	if err != nil {
		return false, err
	}
	if a.lacksFile(parts) { // such a view cannot be described, and trying to ends a transaction
		return true, nil
	}
	view, found, err := r.Table(ctx, project.ArchiveView(table))
	if failure.Of(err) == failure.Data {
		return true, nil // its columns are not those of the table any more
	}
	return !found || len(view.Columns) != len(stored.Columns), err
}
