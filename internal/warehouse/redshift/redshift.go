// Package redshift is a warehouse in a schema of an Amazon Redshift database. Rows arrive by COPY from objects in S3 that a manifest lists.
//
// It is written to Redshift's manual and is not run on Redshift by the tests: they run it on a PostgreSQL server behind a process that
// executes COPY from a manifest (redshifttest).
package redshift

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"bursar/internal/column"
	"bursar/internal/object"
	"bursar/internal/postgres"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/pgrows"
)

const (
	// nameLimit is the most bytes of a name.
	nameLimit = 127
	// maxVarchar is the most bytes of a VARCHAR.
	maxVarchar = 65535

	defaultSchema = "warehouse"
	connections   = 4

	// statementTimeout bounds one statement, such as copying a whole table.
	statementTimeout = time.Hour
	// connectTimeout bounds one attempt to connect, unless the URL says so.
	connectTimeout = 10 * time.Second
	// answerMargin is added to the statement timeout: a server that sends nothing for so long is not reachable.
	answerMargin = 10 * time.Second
)

// Config says where the database is, and where rows are put for COPY.
type Config struct {
	URL    string // a connection URL
	Schema string // empty: warehouse
	// Objects are those of ObjectsURL, s3://bucket/prefix/, which the database reads with the rights of CopyRole, the ARN of an IAM role.
	Objects    object.Store
	ObjectsURL string
	CopyRole   string
}

// Database is a warehouse in Redshift.
type Database struct {
	pool      *pgxpool.Pool
	config    Config
	nameLimit int
}

var _ warehouse.Database = (*Database)(nil)

// Open connects to the database and creates the schema, and the table by which transactions that write take turns, if they are missing.
func Open(ctx context.Context, c Config) (*Database, error) {
	c.Schema = cmp.Or(c.Schema, defaultSchema)
	pool, err := newPool(ctx, c, func(ctx context.Context, conn *pgx.Conn) error { return prepare(ctx, conn, c.Schema) })
	if err != nil {
		return nil, fmt.Errorf("open Redshift: %w", err)
	}
	d := &Database{pool, c, nameLimit}
	if err := d.retry(ctx, func(conn *pgxpool.Conn) error { _, err := conn.Exec(ctx, createLock); return err }); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open Redshift: %w", err)
	}
	return d, nil
}

// newPool returns a pool of connections, which are opened when they are needed and then prepared.
func newPool(ctx context.Context, c Config, prepare func(context.Context, *pgx.Conn) error) (*pgxpool.Pool, error) {
	config, err := postgres.ParseURL(c.URL)
	if err != nil {
		return nil, err
	}
	// Redshift knows no prepared statements of the protocol that last, and fewer settings than PostgreSQL.
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.ConnConfig.RuntimeParams = map[string]string{"application_name": "bursar"}
	config.ConnConfig.ConnectTimeout = cmp.Or(config.ConnConfig.ConnectTimeout, connectTimeout)
	config.ConnConfig.DialFunc = postgres.Dialer(config.ConnConfig.ConnectTimeout, statementTimeout+answerMargin)
	config.MaxConns = connections
	config.AfterConnect = prepare
	pool, err := pgxpool.NewWithConfig(ctx, config)
	return pool, classify(err)
}

// prepare creates the schema if it is missing, and makes it that of the session.
func prepare(ctx context.Context, conn *pgx.Conn, schema string) error {
	quoted := column.QuoteIdentifier(schema)
	statements := []string{
		"SET search_path TO " + quoted, "SET timezone TO 'UTC'", "SET datestyle TO 'ISO, YMD'", fmt.Sprintf("SET statement_timeout TO %d", statementTimeout.Milliseconds()),
	}
	var exists bool // CREATE SCHEMA IF NOT EXISTS needs a right on the database in any case
	if err := conn.QueryRow(ctx, "SELECT count(*) > 0 FROM pg_namespace WHERE nspname = $1", schema).Scan(&exists); err != nil {
		return err
	}
	if !exists {
		statements = append([]string{"CREATE SCHEMA IF NOT EXISTS " + quoted}, statements...)
	}
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// lockTable is locked by transactions that write.
const (
	lockTable  = "bursar_write_lock"
	createLock = "CREATE TABLE IF NOT EXISTS " + lockTable + " (nothing INTEGER)"
)

// Close closes all connections.
func (d *Database) Close() error {
	d.pool.Close()
	return nil
}

// Name returns a name as Redshift stores it.
func (d *Database) Name(name string) string { return warehouse.Shorten(name, d.nameLimit) }

var textType = fmt.Sprintf("character varying(%d)", maxVarchar)

// Type returns Redshift's name of a type.
func (d *Database) Type(t column.Type) string { return pgrows.TypeName(t, textType, "super") }
