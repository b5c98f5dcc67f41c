// The catalog: databases in memory that describe the warehouse's tables as PostgreSQL does. They have names and types only, and no row of the
// warehouse, so that nothing can be read through them that the check of statements would refuse.

package wire

import (
	"context"
	_ "embed"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/duckwarehouse"
)

//go:embed catalog.sql
var catalogSQL string

// maxCatalogs is how many statements of the catalog are executed at a time; others wait.
const maxCatalogs = 4

// catalogMemory limits each database.
const catalogMemory = "64MB"

// catalogs keeps the databases, each for one statement at a time.
type catalogs struct {
	user  string
	slots chan struct{}

	mu   sync.Mutex
	idle []*catalog
}

// catalog is a database in memory.
type catalog struct {
	session *duck.Session
	state   string // the tables that it describes
}

func newCatalogs(user string) *catalogs {
	return &catalogs{user: user, slots: make(chan struct{}, maxCatalogs)}
}

// macros are the functions that statements of the catalog may call beside those that compute something from their arguments.
var macros = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{}
	for _, m := range regexp.MustCompile(`CREATE MACRO (?:info\.)?(\w+)\(`).FindAllStringSubmatch(catalogSQL, -1) {
		names[m[1]] = true
	}
	return names
})

// asking returns what executes statements in a catalog of the warehouse's present tables.
func (k *catalogs) asking(db Warehouse) asking {
	return func(ctx context.Context, fn func(context.Context, duckwarehouse.Asker) error) error {
		described, err := describeWarehouse(ctx, db)
		if err != nil {
			return err
		}
		c, err := k.take(ctx)
		if err != nil {
			return err
		}
		defer k.put(c)
		if err := c.update(ctx, described, k.user); err != nil {
			return err
		}
		if err := c.session.Exec(ctx, "BEGIN TRANSACTION READ ONLY"); err != nil {
			return err
		}
		defer func() { _ = c.session.Exec(context.WithoutCancel(ctx), "ROLLBACK") }()
		return fn(ctx, duckwarehouse.NewAsker(c.session))
	}
}

// take waits for a database, and creates one if none is idle.
func (k *catalogs) take(ctx context.Context) (*catalog, error) {
	select {
	case k.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if n := len(k.idle); n > 0 {
		c := k.idle[n-1]
		k.idle = k.idle[:n-1]
		return c, nil
	}
	session, err := duck.Open(duck.Options{Memory: catalogMemory, Threads: 1})
	if err != nil {
		<-k.slots
		return nil, err
	}
	session.AllowMacros(macros(), catalogInfo)
	return &catalog{session: session}, nil
}

func (k *catalogs) put(c *catalog) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.idle = append(k.idle, c)
	<-k.slots
}

// close frees the databases. No statement may be executed any more.
func (k *catalogs) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.idle {
		c.session.Close()
	}
	k.idle = nil
}

// update makes the database describe these tables, if it describes others.
func (c *catalog) update(ctx context.Context, described, user string) error {
	if c.state == described {
		return nil
	}
	sql := "BEGIN TRANSACTION; DELETE FROM bursar_nsp; DELETE FROM bursar_rel; DELETE FROM bursar_att; DELETE FROM bursar_me; "
	if c.state == "" {
		sql = "BEGIN TRANSACTION; " + catalogSQL
	}
	sql += fmt.Sprintf("INSERT INTO bursar_me VALUES (%s); %s COMMIT", duck.Literal(user), described)
	if err := c.session.Exec(ctx, sql); err != nil {
		_ = c.session.Exec(context.WithoutCancel(ctx), "ROLLBACK") // which fails if there was no transaction
		return fmt.Errorf("describe the tables of the warehouse: %w", err)
	}
	c.state = described
	return nil
}

const describeTablesSQL = `
SELECT t.schema_name, t.table_name, t.is_view, regexp_replace(t.definition, '^CREATE VIEW .*? AS ', '') AS definition, t.size, c.column_index, c.column_name, c.data_type, NOT c.is_nullable
FROM (
	SELECT schema_name, table_name, table_oid AS number, false AS is_view, '' AS definition, estimated_size AS size FROM duckdb_tables() WHERE database_name = current_database() AND NOT internal
	UNION ALL SELECT schema_name, view_name, view_oid, true, sql, -1 FROM duckdb_views() WHERE database_name = current_database() AND NOT internal
) t JOIN duckdb_columns() c ON c.database_name = current_database() AND c.schema_name = t.schema_name AND c.table_name = t.table_name
ORDER BY t.schema_name, t.table_name, c.column_index`

// The numbers of objects of PostgreSQL that clients know, and the first one of others.
const (
	publicOID  = 2200
	firstOther = 16384
)

// describeWarehouse returns the SQL that fills the tables of the catalog.
func describeWarehouse(ctx context.Context, db Warehouse) (string, error) {
	d := &description{}
	err := db.Read(ctx, func(ctx context.Context, r warehouse.Reader) error {
		*d = *newDescription()
		return r.Query(ctx, describeTablesSQL, func(_ []warehouse.Column, rows []column.Vector) error {
			for i := range rows[0].Len() {
				d.add(rows, i)
			}
			return nil
		})
	})
	return d.sql(), err
}

// description is the SQL that describes tables, while it is written.
type description struct {
	schemas, tables, columns []string
	known                    map[string]bool
	last                     string // schema and table
	oid                      int
}

func newDescription() *description {
	return &description{
		schemas: []string{"(11, 'pg_catalog')", fmt.Sprintf("(%d, 'public')", publicOID), "(13000, 'information_schema')"},
		known:   map[string]bool{"public": true, "pg_catalog": true, "information_schema": true}, oid: firstOther,
	}
}

// add adds a column, with its table before the first one.
func (d *description) add(rows []column.Vector, i int) {
	text := func(column int) string { return duck.Literal(string(rows[column].Text(i))) }
	schema := string(rows[0].Text(i))
	if schema == "main" {
		schema = "public"
	}
	if !d.known[schema] {
		d.known[schema] = true
		d.schemas = append(d.schemas, fmt.Sprintf("(%d, %s)", 13001+len(d.schemas), duck.Literal(schema)))
	}
	if table := schema + "\x00" + string(rows[1].Text(i)); table != d.last {
		d.last = table
		d.oid++
		kind := "r"
		if rows[2].Ints[i] == 1 {
			kind = "v"
		}
		d.tables = append(d.tables, fmt.Sprintf("(%d, %s, %s, '%s', %s, %d)", d.oid, duck.Literal(schema), text(1), kind, text(3), rows[4].Ints[i]))
	}
	name := string(rows[7].Text(i))
	t := typeOf(warehouse.Column{SQL: name, Type: duckwarehouse.TypeOf(name)})
	d.columns = append(d.columns, fmt.Sprintf("(%d, %d, %s, %d, %d, %d, %t)", d.oid, rows[5].Ints[i], text(6), t.oid, t.size, t.modifier, rows[8].Ints[i] == 1))
}

func (d *description) sql() string {
	var b strings.Builder
	for _, part := range []struct {
		table string
		rows  []string
	}{{"bursar_nsp", d.schemas}, {"bursar_rel", d.tables}, {"bursar_att", d.columns}} {
		if len(part.rows) > 0 {
			fmt.Fprintf(&b, "INSERT INTO %s VALUES %s; ", part.table, strings.Join(part.rows, ", "))
		}
	}
	return b.String()
}
