// The tables: which columns one must have, and what happens when it has others.

package publish

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/warehouse"
)

// definitionOf prints columns as the record of a table keeps them.
func definitionOf(columns []column.Field) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = c.Name + " " + c.Type.String()
	}
	return strings.Join(list, ", ")
}

// fit is how a table in the warehouse fits what is published.
type fit int

const (
	fits    fit = iota
	missing     // there is no table
	grown       // it lacks columns that were added
	changed     // it must be made from the beginning: its types have grown, or columns are gone
)

// compare compares a table with the columns that it should have now, and with those that it had when it was published last, which are in
// its record. A table that somebody else has made or changed is refused.
func compare(ctx context.Context, db warehouse.Database, in warehouse.Reader, s source, r *record, columns []column.Field) (fit, []column.Field, error) {
	table, found, err := in.Table(ctx, s.table)
	switch {
	case err != nil:
		return 0, nil, err
	case !found:
		return missing, nil, nil
	case r == nil:
		return 0, nil, failure.Wrap(failure.Data, fmt.Errorf("the warehouse has a table %s that was not published by Bursar: rename or drop it", s.table))
	}
	if s.again {
		return changed, nil, nil
	}
	published := strings.Split(r.definition, ", ")
	if err := checkUnchanged(db, &table, published); err != nil {
		return 0, nil, err
	}
	var added []column.Field
	for _, c := range columns {
		switch {
		case slices.Contains(published, definitionOf([]column.Field{c})):
		case slices.ContainsFunc(published, func(p string) bool { return strings.HasPrefix(p, c.Name+" ") }):
			return changed, nil, nil
		default:
			added = append(added, c)
		}
	}
	switch {
	case len(published)+len(added) > len(columns):
		return changed, nil, nil
	case len(added) > 0:
		return grown, added, nil
	}
	return fits, nil, nil
}

// checkUnchanged refuses a table that lacks a column that it was published with, or has it with another type. Columns that somebody has
// added are left alone.
func checkUnchanged(db warehouse.Database, table *warehouse.Table, published []string) error {
	for _, definition := range published {
		name, typeText, _ := strings.Cut(definition, " ")
		t, err := column.ParseType(typeText)
		if err != nil {
			return fmt.Errorf("bug: the record of table %s: %w", table.Name, err)
		}
		is := "missing"
		if c := table.Column(db.Name(name)); c != nil {
			if is = c.SQL; is == db.Type(t) {
				continue
			}
			is = "of type " + is
		}
		return failure.Wrap(failure.Data, fmt.Errorf("column %s of table %s is %s in the warehouse, and was published as %s: somebody has changed the table; "+
			"`bursar publish --again %[2]s` makes it from the beginning", name, table.Name, is, db.Type(t)))
	}
	return nil
}

// createTable creates a table and its index.
func createTable(ctx context.Context, tx warehouse.Tx, name string, columns []column.Field, index []string, sorted bool) error {
	if err := tx.Create(ctx, name, columns); err != nil {
		return err
	}
	return tx.Index(ctx, name, index, sorted)
}
