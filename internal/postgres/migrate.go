// Versions of the schemas of the backends that share a database.

package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"bursar/internal/failure"
)

// Component is a backend's tables: their version, the statements that create them, and those that upgrade version n to n+1.
// Statements are separated by semicolons. Tables are those on which the user needs rights; the names of those that are made later
// begin with Prefix. MayCreate is called before the tables are created, and may refuse that by an error.
type Component struct {
	Name      string
	Tables    []string
	Prefix    string
	MayCreate func(context.Context) error
	Version   int
	Create    string
	Upgrades  map[int]string
}

// SchemaError refuses tables of a version that this program cannot use. Its class is Data.
type SchemaError struct {
	Component     string
	Schema        string
	Found, Wanted int
}

func (e *SchemaError) Error() string {
	text := fmt.Sprintf("schema %q: the %s has version %d, but this program uses version %d", e.Schema, e.Component, e.Found, e.Wanted)
	if e.Found > e.Wanted {
		return text + ": it was written by a newer bursar; install that version on this machine"
	}
	return text + " and cannot upgrade it; upgrade with a bursar between the two first, or start with an empty schema"
}

// Class is Data: the same program refuses the same schema.
func (e *SchemaError) Class() failure.Class { return failure.Data }

const (
	createVersions = `CREATE TABLE IF NOT EXISTS bursar_schema (component text PRIMARY KEY, version int NOT NULL)`
	selectVersion  = `SELECT version FROM bursar_schema WHERE component = $1`
	storeVersion   = `INSERT INTO bursar_schema (component, version) VALUES ($1, $2)
		ON CONFLICT (component) DO UPDATE SET version = excluded.version`
	// lockSchema makes processes that start together migrate one after the other.
	lockSchema = `SELECT pg_advisory_xact_lock(hashtextextended('bursar_schema:' || $1, 0))`
)

// Migrate creates the tables of a component or upgrades them to its version, in one transaction. If they have that version, it
// only reads.
func (p *Pool) Migrate(ctx context.Context, c Component) error {
	found, err := p.Version(ctx, c.Name)
	if err == nil && found == 0 {
		err = p.mayCreate(ctx, c)
	}
	if err == nil && found != c.Version {
		err = p.InTransaction(ctx, pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error { return p.migrate(ctx, tx, c) })
	}
	if err != nil {
		return fmt.Errorf("prepare schema of %s: %w", c.Name, err)
	}
	return nil
}

// mayCreate checks, without writing, that tables can and should be created.
func (p *Pool) mayCreate(ctx context.Context, c Component) error {
	err := p.checkSchema(ctx)
	if err != nil || c.MayCreate == nil {
		return err
	}
	if err = c.MayCreate(ctx); err == nil {
		return nil
	}
	if now, failed := p.Version(ctx, c.Name); failed == nil && now != 0 { // another process has created them meanwhile
		return nil
	}
	return err
}

// Version returns the version of a component's tables, 0 if there are none.
func (p *Pool) Version(ctx context.Context, component string) (version int, err error) {
	err = p.InTransaction(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, selectVersion, component).Scan(&version)
	})
	var reported *pgconn.PgError
	switch {
	case errors.Is(err, pgx.ErrNoRows), errors.As(err, &reported) && reported.Code == undefinedTable:
		return 0, nil
	case errors.As(err, &reported) && reported.Code == undefinedColumn:
		text := "the table bursar_schema in schema %q belongs to another program; set another schema in bursar.yaml"
		return 0, failure.Wrap(failure.Data, fmt.Errorf(text, p.schema))
	}
	return version, err
}

func (p *Pool) migrate(ctx context.Context, tx pgx.Tx, c Component) error {
	if _, err := tx.Exec(ctx, lockSchema, p.schema); err != nil {
		return err
	}
	if err := p.createSchema(ctx, tx); err != nil {
		return err
	}
	found, err := 0, error(nil)
	if err := tx.QueryRow(ctx, selectVersion, c.Name).Scan(&found); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	if err := p.checkVersion(c, found); err != nil {
		return err
	}
	if found == 0 {
		_, err = tx.Exec(ctx, c.Create)
		found = c.Version
	}
	for ; err == nil && found < c.Version; found++ {
		_, err = tx.Exec(ctx, c.Upgrades[found])
	}
	if err == nil {
		_, err = tx.Exec(ctx, storeVersion, c.Name, c.Version)
	}
	return err
}

// createSchema creates the schema only if it is missing: CREATE SCHEMA IF NOT EXISTS needs a right on the database in any case.
func (p *Pool) createSchema(ctx context.Context, tx pgx.Tx) error {
	var exists bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)`, p.schema).Scan(&exists)
	if err == nil && !exists {
		_, err = tx.Exec(ctx, `CREATE SCHEMA `+pgx.Identifier{p.schema}.Sanitize())
	}
	if err == nil {
		_, err = tx.Exec(ctx, createVersions)
	}
	return err
}
