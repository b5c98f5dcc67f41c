// What the packages that keep a record of their tables in the warehouse have in common.

package warehouse

import (
	"context"
	"fmt"
	"strings"

	"bursar/internal/column"
	"bursar/internal/failure"
)

// Definition is a table with its columns. Columns are only added, at the end.
type Definition struct {
	Name    string
	Columns []column.Field
}

// Ensure creates tables that do not exist, and adds columns that an earlier version has not made.
func Ensure(ctx context.Context, tx Tx, tables ...Definition) error {
	for _, t := range tables {
		if err := t.ensure(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

func (d *Definition) ensure(ctx context.Context, tx Tx) error {
	table, found, err := tx.Table(ctx, d.Name)
	if err != nil {
		return err
	}
	if !found {
		return tx.Create(ctx, d.Name, d.Columns)
	}
	var missing []column.Field
	for _, c := range d.Columns {
		if table.Column(c.Name) == nil {
			missing = append(missing, c)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return tx.AddColumns(ctx, d.Name, missing)
}

// Literal quotes a text for SQL. It must not contain a backslash, which Redshift takes for an escape: what people or banks have written reaches
// the database as rows.
func Literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// OtherProjectError refuses what another project has written into the same schema. What is, for example, "the loads in this schema are".
func OtherProjectError(what string) error {
	return failure.Wrap(failure.Data, fmt.Errorf("%s of another project: set another `schema` of the warehouse in bursar.yaml, or drop the schema", what))
}
