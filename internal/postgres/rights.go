// Rights of the user of a database: which are missing, and the statements that give them.

package postgres

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"bursar/internal/failure"
)

// selectSchemaRights describes what the user may do in the schema, which need not exist.
const selectSchemaRights = `SELECT current_user, current_database(), has_database_privilege(current_database(), 'CREATE'), n.oid IS NOT NULL,
	coalesce(has_schema_privilege(n.oid, 'USAGE'), false), coalesce(has_schema_privilege(n.oid, 'CREATE'), false)
	FROM (SELECT) AS one LEFT JOIN pg_namespace n ON n.nspname = $1`

// selectForeign lists the tables that exist and belong to a role of which the user is not a member.
const selectForeign = `SELECT c.relname, pg_get_userbyid(c.relowner) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND (c.relname = ANY($2) OR $3 <> '' AND starts_with(c.relname, $3))
	AND NOT pg_has_role(c.relowner, 'USAGE') ORDER BY c.relname`

// schemaRights returns the user and the rights that it needs to create tables: in the schema, or on the database if the schema does not exist.
func (p *Pool) schemaRights(ctx context.Context) (user string, missing []string, err error) {
	var database string
	var mayCreate, exists, usage, create bool
	err = p.Retry(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		return conn.QueryRow(ctx, selectSchemaRights, p.schema).Scan(&user, &database, &mayCreate, &exists, &usage, &create)
	})
	schema := " ON SCHEMA " + quoted(p.schema)
	if !exists && !mayCreate {
		missing = append(missing, "CREATE ON DATABASE "+quoted(database))
	}
	if exists && !usage {
		missing = append(missing, "USAGE"+schema)
	}
	if exists && !create {
		missing = append(missing, "CREATE"+schema)
	}
	return user, missing, err
}

// checkSchema refuses a schema in which the user cannot create tables.
func (p *Pool) checkSchema(ctx context.Context) error {
	user, missing, err := p.schemaRights(ctx)
	if err != nil || len(missing) == 0 {
		return err
	}
	return missingError(user, missing)
}

// checkRights lists the rights that are missing to create what does not exist and to use what does, and the tables of others.
func (p *Pool) checkRights(ctx context.Context, report *Report, c Component) (err error) {
	if _, report.Missing, err = p.schemaRights(ctx); err != nil || len(report.Missing) > 0 {
		return err
	}
	tables := append([]string{"bursar_schema"}, c.Tables...)
	for _, table := range tables {
		name := quoted(p.schema, table)
		for _, right := range []string{"SELECT", "INSERT", "UPDATE", "DELETE"} {
			var has bool
			// The right on a table that does not exist is null.
			query := `SELECT coalesce(has_table_privilege(to_regclass($1), $2), true)`
			if err := p.QueryRow(ctx, query, name, right).Scan(&has); err != nil {
				return err
			}
			if !has {
				report.Missing = append(report.Missing, right+" ON "+name)
			}
		}
	}
	return p.checkOwners(ctx, report, tables, c.Prefix)
}

// checkOwners lists the tables that the user can neither drop nor upgrade.
func (p *Pool) checkOwners(ctx context.Context, report *Report, tables []string, prefix string) error {
	rows, err := p.Query(ctx, selectForeign, p.schema, tables, prefix)
	if err != nil {
		return err
	}
	var table, owner string
	_, err = pgx.ForEachRow(rows, []any{&table, &owner}, func() error {
		if report.Owner == "" {
			report.Owner = owner
		}
		report.Foreign = append(report.Foreign, quoted(p.schema, table))
		return nil
	})
	return err
}

// refusal is the error of missing rights, or nil. An owner has all rights on a table.
func (r *Report) refusal() error {
	switch {
	case len(r.Foreign) > 0:
		return foreignError(r)
	case len(r.Missing) > 0:
		return missingError(r.User, r.Missing)
	}
	return nil
}

// missingError names the missing rights, each as in "SELECT ON documents", and the statements that give them: one for each object.
func missingError(user string, missing []string) error {
	var objects []string
	rights := map[string][]string{}
	for _, m := range missing {
		right, object, _ := strings.Cut(m, " ON ")
		if rights[object] == nil {
			objects = append(objects, object)
		}
		rights[object] = append(rights[object], right)
	}
	var statements []string
	for _, object := range objects {
		statements = append(statements, fmt.Sprintf("GRANT %s ON %s TO %s", strings.Join(rights[object], ", "), object, quoted(user)))
	}
	noun := "right"
	if len(missing) > 1 {
		noun = "rights"
	}
	return failure.Wrap(failure.Data, fmt.Errorf("the user %s has not the %s %s; run as the owner: %s",
		quoted(user), noun, strings.Join(missing, ", "), strings.Join(statements, "; ")))
}

// namedTables is how many tables an error names.
const namedTables = 3

// foreignError says whose tables the user cannot drop, and how it becomes their owner.
func foreignError(r *Report) error {
	user, names := quoted(r.User), strings.Join(r.Foreign[:min(len(r.Foreign), namedTables)], ", ")
	var statements []string
	for _, table := range r.Foreign {
		statements = append(statements, "ALTER TABLE "+table+" OWNER TO "+user)
	}
	if n := len(r.Foreign) - namedTables; n > 0 {
		names += fmt.Sprintf(" and %d more", n)
		statements = []string{r.changeOwner()}
	}
	return failure.Wrap(failure.Data, fmt.Errorf("the user %s does not own %s: only their owner, such as %s, can drop and upgrade them; run as a superuser in the database %s: %s",
		user, names, quoted(r.Owner), quoted(r.Database), strings.Join(statements, "; ")))
}

// changeOwner is the statement that gives the user all tables of the schema that their present owner has. REASSIGN OWNED would change the
// owner of databases as well, and is refused for the first superuser.
func (r *Report) changeOwner() string {
	text := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	return fmt.Sprintf("DO $$ DECLARE t text; BEGIN FOR t IN SELECT format('%%I.%%I', schemaname, tablename) FROM pg_tables"+
		" WHERE schemaname = %s AND tableowner = %s LOOP EXECUTE 'ALTER TABLE ' || t || %s; END LOOP; END $$",
		text(r.Schema), text(r.Owner), text(" OWNER TO "+quoted(r.User)))
}

// denied is the message of 42501; the fields of the error do not name what is denied. Servers that do not write English get general advice.
var denied = regexp.MustCompile(`^(?:permission denied for (table|schema|database)|must be owner of (table|relation)) "?(.*?)"?$`)

// refusedRows is the message of 42501 about a policy.
var refusedRows = regexp.MustCompile(`row-level security policy (?:"(.*?)" )?for table "(.*?)"$`)

// policyStep returns the next step for rows that a policy refuses: no right and no ownership of the table lets them pass.
func policyStep(policy, name string, at place) string {
	user, which, table := "the user in the connection URL", "the policy", quoted(name)
	if at.user != "" {
		user = quoted(at.user)
	}
	if policy != "" {
		which = "the policy " + quoted(policy)
	}
	if at.schema != "" {
		table = quoted(at.schema, name)
	}
	return fmt.Sprintf("somebody has made %s on table %s: drop it, or end it for %s as the owner: ALTER TABLE %s NO FORCE ROW LEVEL SECURITY",
		which, table, user, table)
}

// deniedStep returns the next step for a right that the server found to be missing.
func deniedStep(err *pgconn.PgError, at place) string {
	if rows := refusedRows.FindStringSubmatch(err.Message); rows != nil {
		return policyStep(rows[1], rows[2], at)
	}
	found := denied.FindStringSubmatch(err.Message)
	if found == nil {
		return "make the user the owner of the schema and of all its tables, and GRANT it CONNECT on the database"
	}
	user := "the user in the connection URL"
	if at.user != "" {
		user = quoted(at.user)
	}
	switch kind, name := found[1], found[3]; kind {
	case "database":
		return fmt.Sprintf("run as the owner: GRANT CONNECT, CREATE ON DATABASE %s TO %s", quoted(name), user)
	case "schema":
		return fmt.Sprintf("run as the owner: GRANT USAGE, CREATE ON SCHEMA %s TO %s", quoted(name), user)
	default:
		table := quoted(name)
		if at.schema != "" {
			table = quoted(at.schema, name)
		}
		return fmt.Sprintf("the tables must belong to the user: run as a superuser ALTER TABLE %s OWNER TO %s, and the same for the other tables of the schema", table, user)
	}
}

func quoted(names ...string) string { return pgx.Identifier(names).Sanitize() }
