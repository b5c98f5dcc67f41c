// Replacing a table. In PostgreSQL views and rights belong to a table, not to its name: it stays and gets other rows, or if its columns
// change, its views and the rights on it are given to the table that replaces it.

package pgwarehouse

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"bursar/internal/failure"
	"bursar/internal/warehouse"
)

// view is a view that reads a table, with its definition, in which the table's name stands.
type view struct {
	Name         string // quoted, with its schema
	Materialized bool
	Definition   string
	Options      string // such as security_invoker=true; empty if there are none
}

const viewsSQL = `
SELECT DISTINCT format('%I.%I', n.nspname, c.relname) AS name, c.relkind = 'm' AS materialized, pg_get_viewdef(c.oid) AS definition,
	coalesce(array_to_string(c.reloptions, ', '), '') AS options
FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = to_regclass($1) AND c.oid <> to_regclass($1) ORDER BY name`

// grantsSQL lists the rights that the owner has granted to others.
const grantsSQL = `
SELECT format('GRANT %s ON %s TO %s%s', a.privilege_type, $2::text, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
	CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = to_regclass($1) AND a.grantee <> c.relowner ORDER BY 1`

// replaced is the name of a table between its replacement and its end.
const replaced = "bursar_replaced"

func (t *tx) Replace(ctx context.Context, table, by string) error {
	found, done, err := warehouse.ReplaceRows(ctx, t.db, t, table, by)
	switch {
	case err != nil || done:
		return err
	case !found:
		return t.run(ctx, "ALTER TABLE %s RENAME TO %s", t.quoted(by), t.quoted(table))
	}
	views, grants, err := t.dependents(ctx, table, by)
	if err != nil {
		return err
	}
	for _, sql := range append(grants,
		fmt.Sprintf("ALTER TABLE %s RENAME TO %s", t.quoted(table), replaced), fmt.Sprintf("ALTER TABLE %s RENAME TO %s", t.quoted(by), t.quoted(table))) {
		if _, err := t.Exec(ctx, sql); err != nil {
			return err
		}
	}
	for _, v := range views {
		if err := t.redefine(ctx, table, v); err != nil {
			return err
		}
	}
	return t.run(ctx, "DROP TABLE %s", replaced)
}

// dependents returns the views of a table, and the statements that give its rights to the table that replaces it.
func (t *tx) dependents(ctx context.Context, table, by string) (views []view, grants []string, err error) {
	rows, err := t.tx.Query(ctx, viewsSQL, t.quoted(table))
	if err == nil {
		views, err = pgx.CollectRows(rows, pgx.RowToStructByPos[view])
	}
	if err != nil {
		return nil, nil, t.classify(err)
	}
	if rows, err = t.tx.Query(ctx, grantsSQL, t.quoted(table), t.quoted(by)); err == nil {
		grants, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	return views, grants, t.classify(err)
}

// redefine makes a view read the new table of the same name. A view whose columns would change cannot be redefined.
func (t *tx) redefine(ctx context.Context, table string, v view) error {
	if v.Materialized {
		return failure.Wrap(failure.Data, fmt.Errorf("replace table %s: the materialized view %s reads it; drop it, and create it again after that", table, v.Name))
	}
	options := ""
	if v.Options != "" {
		options = " WITH (" + v.Options + ")"
	}
	_, err := t.Exec(ctx, "CREATE OR REPLACE VIEW "+v.Name+options+" AS "+v.Definition)
	var reported *pgconn.PgError
	if errors.As(err, &reported) {
		text := "replace table %s: the view %s cannot read the new table: %s; drop the view, and create it again after that"
		return failure.Wrap(failure.Data, fmt.Errorf(text, table, v.Name, reported.Message))
	}
	return err
}
