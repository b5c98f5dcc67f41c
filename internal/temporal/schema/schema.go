// Package schema creates and updates the databases of a Temporal server on PostgreSQL, from the SQL that the server's module brings. It
// guarantees that a database gets a version completely or not at all, and that a newer one is never touched. It must not know what
// the server stores.
package schema

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"bursar/internal/failure"
	"bursar/internal/postgres"
)

// Database is one of the two databases of a server.
type Database string

// The databases. A server needs both, and they must be different ones.
const (
	Temporal   Database = "temporal"   // what workflows are made of
	Visibility Database = "visibility" // lists of workflows
)

// owned are tables by which each database is recognised.
var owned = map[Database]string{Temporal: "executions", Visibility: "executions_visibility"}

// Change is what Update has done, or would do.
type Change struct {
	Database Database `json:"database"`
	Name     string   `json:"name"` // on the server
	From     string   `json:"from"` // version; empty: there were no tables
	To       string   `json:"to"`
}

// statementTimeout bounds a statement. A new column of a large table takes long.
const statementTimeout = 6 * time.Hour

// lockKey is the key of the advisory lock that keeps two updates apart.
const lockKey = 0x74656d70_73636865

// Update brings a database to the newest version that is known, in one transaction. With dryRun it changes nothing.
func Update(ctx context.Context, location string, d Database, dryRun bool) (c Change, err error) {
	// The server looks for its tables in the schema public.
	pool, err := postgres.Open(ctx, postgres.Config{URL: location, Schema: "public", Connections: 1, StatementTimeout: statementTimeout})
	if err != nil {
		return c, fmt.Errorf("update the %s database: %w", d, err)
	}
	defer pool.Close()
	err = pool.InTransaction(ctx, pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(lockKey)); err != nil {
			return err
		}
		if c, err = find(ctx, tx, d); err != nil {
			return err
		}
		versions, err := newer(d, c.From)
		if err != nil || dryRun {
			return err
		}
		return apply(ctx, tx, c, versions)
	})
	if err != nil {
		return c, fmt.Errorf("update the %s database: %w", d, err)
	}
	return c, nil
}

// AreSame reports whether two URLs are of the same database. What is wrong with a URL, Update reports.
func AreSame(one, other string) bool {
	a, errA := pgconn.ParseConfig(one)
	b, errB := pgconn.ParseConfig(other)
	return errA == nil && errB == nil && a.Host == b.Host && a.Port == b.Port && a.Database == b.Database
}

// find reads the version of a database, and refuses one that is not what it should be.
func find(ctx context.Context, tx pgx.Tx, d Database) (c Change, err error) {
	c = Change{Database: d, To: latest(d)}
	var tables []string
	err = tx.QueryRow(ctx, "SELECT current_database(), coalesce(array_agg(tablename::text), '{}') FROM pg_tables WHERE schemaname = 'public'").Scan(&c.Name, &tables)
	if err != nil {
		return c, err
	}
	if slices.Contains(tables, "schema_version") {
		err = tx.QueryRow(ctx, "SELECT curr_version FROM schema_version WHERE version_partition = 0 AND db_name = $1", c.Name).Scan(&c.From)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return c, err
		}
	}
	other := Temporal
	if d == Temporal {
		other = Visibility
	}
	switch {
	case slices.Contains(tables, owned[other]) && !slices.Contains(tables, owned[d]):
		return c, refusef("database %s is the %s database of a server: give each of both a database of its own", c.Name, other)
	case c.From == "" && slices.Contains(tables, owned[d]):
		return c, refusef("database %s has tables of a server, but no version: it was created in another way, so update it in that way", c.Name)
	case c.From != "" && compare(c.From, c.To) > 0:
		return c, refusef("database %s has version %s, which is newer than %s: use a newer bursar", c.Name, c.From, c.To)
	}
	return c, nil
}

func refusef(format string, args ...any) error {
	return failure.Wrap(failure.Data, fmt.Errorf(format, args...))
}

// versionTables are those of Temporal's own tool, which finds its versions in them.
var versionTables = []string{
	`CREATE TABLE IF NOT EXISTS schema_version (version_partition INT NOT NULL, db_name VARCHAR(255) NOT NULL, creation_time TIMESTAMP,
		curr_version VARCHAR(64), min_compatible_version VARCHAR(64), PRIMARY KEY (version_partition, db_name))`,
	`CREATE TABLE IF NOT EXISTS schema_update_history (version_partition INT NOT NULL, year INT NOT NULL, month INT NOT NULL,
		update_time TIMESTAMP NOT NULL, description VARCHAR(255), manifest_md5 VARCHAR(64), new_version VARCHAR(64), old_version VARCHAR(64),
		PRIMARY KEY (version_partition, year, month, update_time))`,
}

const (
	setVersion = `INSERT INTO schema_version (version_partition, db_name, creation_time, curr_version, min_compatible_version)
		VALUES (0, $1, now() AT TIME ZONE 'UTC', $2, $3) ON CONFLICT (version_partition, db_name) DO UPDATE SET
		creation_time = excluded.creation_time, curr_version = excluded.curr_version, min_compatible_version = excluded.min_compatible_version`
	addHistory = `INSERT INTO schema_update_history (version_partition, year, month, update_time, old_version, new_version, manifest_md5, description)
		SELECT 0, extract(year FROM t), extract(month FROM t), t, $1, $2, $3, $4 FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS t) now`
)

// apply executes the statements of versions, in order.
func apply(ctx context.Context, tx pgx.Tx, c Change, versions []version) error {
	if len(versions) == 0 {
		return nil
	}
	for _, statement := range versionTables {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	from := c.From
	for _, v := range versions {
		for _, statement := range v.statements {
			if err := execute(ctx, tx, statement); err != nil {
				return fmt.Errorf("version %s: %w", v.CurrVersion, err)
			}
		}
		if _, err := tx.Exec(ctx, addHistory, from, v.CurrVersion, v.digest, v.Description); err != nil {
			return err
		}
		from = v.CurrVersion
	}
	last := versions[len(versions)-1]
	_, err := tx.Exec(ctx, setVersion, c.Name, last.CurrVersion, last.MinCompatibleVersion)
	return err
}

// execute runs a statement. Temporal's own tool updates without a transaction: what a killed one has made is there already.
func execute(ctx context.Context, tx pgx.Tx, statement string) error {
	err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, statement)
		return err
	})
	var failed *pgconn.PgError
	if errors.As(err, &failed) && slices.Contains(alreadyThere, failed.Code) {
		return nil
	}
	return err
}

// alreadyThere are PostgreSQL's codes for a table, column, function, or other object that exists.
var alreadyThere = []string{"42P07", "42701", "42723", "42710"}
