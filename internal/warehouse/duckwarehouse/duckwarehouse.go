// Package duckwarehouse is a warehouse in a DuckDB file, which one process at a time opens. It writes the rows that are appended into
// Parquet files of its scratch folder, from which DuckDB reads them on all cores.
package duckwarehouse

import (
	"context"
	"errors"
	"fmt"
	"os"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/failure"
	"bursar/internal/warehouse"
)

// Config says where the file is and what its sessions may use.
type Config struct {
	Path    string // of the file, created if it is missing
	Scratch string // an empty folder
	Memory  string // such as "800MB"
	Threads int
	Files   string // a folder whose files views may read; empty: none
}

// Database is a warehouse in a DuckDB file.
type Database struct {
	file    instance
	scratch string
	writing chan struct{} // has room for the one transaction that writes
}

var _ warehouse.Database = (*Database)(nil)

// Open opens the file. The scratch folder must exist.
func Open(c Config) (*Database, error) {
	options := duck.Options{File: c.Path, Memory: c.Memory, Threads: c.Threads, Scratch: c.Scratch, Unordered: true}
	if c.Files != "" {
		options.Dirs = []string{c.Files}
	}
	err := checkPlace(c.Path)
	var db *duck.Database
	if err == nil {
		db, err = open(options)
	}
	if err != nil {
		return nil, fmt.Errorf("open warehouse: %w", err)
	}
	return &Database{file: instance{options: options, db: db}, scratch: c.Scratch, writing: make(chan struct{}, 1)}, nil
}

// Close closes the file. No transaction may be open.
func (d *Database) Close() error {
	d.file.close()
	return nil
}

// Name returns a name as it is: DuckDB does not limit names.
func (d *Database) Name(name string) string { return name }

// Type returns DuckDB's name of a type. Timestamps are stored without a zone, in UTC, as expressions of streams and pipelines see them:
// functions of timestamps with a zone compute with calendars, and take ten times as long.
func (d *Database) Type(t column.Type) string {
	if t.Kind == column.JSON {
		return "JSON"
	}
	return t.SQL()
}

// Write waits for the transaction that writes at the moment.
func (d *Database) Write(ctx context.Context, fn func(context.Context, warehouse.Tx) error) error {
	select {
	case d.writing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-d.writing }()
	return d.transaction(ctx, "BEGIN TRANSACTION", func(t *tx) error { return fn(ctx, t) })
}

const beginReading = "BEGIN TRANSACTION READ ONLY"

// Read does not wait for a Write.
func (d *Database) Read(ctx context.Context, fn func(context.Context, warehouse.Reader) error) error {
	return d.transaction(ctx, beginReading, func(t *tx) error { return fn(ctx, t) })
}

// Compare is Read: staged rows are files.
func (d *Database) Compare(ctx context.Context, fn func(context.Context, warehouse.Stager) error) error {
	return d.transaction(ctx, beginReading, func(t *tx) error { return fn(ctx, t) })
}

func (d *Database) transaction(ctx context.Context, begin string, fn func(*tx) error) (err error) {
	session, err := d.file.session()
	if err != nil {
		return err
	}
	defer d.file.end(session)
	if err := session.Exec(ctx, begin); err != nil {
		return d.file.after(err)
	}
	folder, err := os.MkdirTemp(d.scratch, "append-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	if err := fn(&tx{db: d, session: session, asker: Asker{session}, folder: folder}); err != nil {
		return d.file.after(err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.file.after(commit(ctx, session))
}

// commit commits, also if ctx ends meanwhile: an interrupted commit would have an unknown outcome.
func commit(ctx context.Context, session *duck.Session) error {
	err := session.Exec(context.WithoutCancel(ctx), "COMMIT")
	var message duck.Error
	if errors.As(err, &message) && message.Class() == failure.Bug {
		err = failure.Wrap(failure.Transient, err) // a file that cannot be written
	}
	if isFatal(err) {
		err = fmt.Errorf("%w: %w", warehouse.ErrOutcomeUnknown, err)
	}
	return err
}
