// sqlite.go is the catalog of a single machine: one SQLite file in write-ahead mode.

package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver that the embedded Temporal server brings
)

const (
	// layout numbers the tables below, and is kept in the file's user_version.
	layout = 2
	schema = `CREATE TABLE documents (key TEXT PRIMARY KEY, value TEXT NOT NULL, sum INTEGER) WITHOUT ROWID`
	// withoutSums is the layout whose documents have no checksums.
	withoutSums = 1
	// patience is how long a transaction waits for one of another process.
	patience = 10 * time.Second
)

// SQLite is a Catalog in one file. A write is durable when Update returns (synchronous=FULL); writes of one process
// wait for each other in order, and reads wait for nothing.
type SQLite struct {
	path   string
	files  []openFile
	writer *sql.DB // one connection
	reader *sql.DB // a few, opened when needed

	changes atomic.Uint64
}

// Changes grows with every Update of this process.
func (s *SQLite) Changes() uint64 { return s.changes.Load() }

// Open opens the catalog in the file at path, and makes file and folder when they are missing.
func Open(path string) (*SQLite, error) {
	s, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("open catalog %s: %w", path, damage(err))
	}
	return s, nil
}

func open(path string) (*SQLite, error) {
	if err := checkPair(path); err != nil {
		return nil, err
	}
	if err := makeFile(path); err != nil {
		return nil, err
	}
	writer, err := connect(path, 1, "journal_mode(WAL)", "synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	reader, err := connect(path, max(2, runtime.NumCPU()), "query_only(1)")
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	s := &SQLite{path: path, writer: writer, reader: reader}
	err = s.prepare()
	if err == nil {
		s.files, err = openFiles(path)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// checkPair refuses a log whose file is gone or empty: SQLite removes such a log, and with it what is nowhere else.
func checkPair(path string) error {
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		return nil
	}
	if info, err := os.Stat(path + logSuffix); err == nil && info.Size() > logHeader {
		return &DamagedError{Err: fmt.Errorf("%s has a log and is missing or empty", path)}
	}
	return nil
}

// makeFile makes an empty file that only its owner may read; SQLite gives its write-ahead files the same mode.
func makeFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

func connect(path string, connections int, pragmas ...string) (*sql.DB, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	options := url.Values{
		"_pragma": append(pragmas, fmt.Sprintf("busy_timeout(%d)", patience.Milliseconds())),
		"_txlock": {"immediate"},
		"mode":    {"rw"}, // a file that is gone is not made anew: it would be empty
	}
	if connections > 1 {
		options.Set("_txlock", "deferred")
	}
	location := url.URL{Scheme: "file", Path: filepath.ToSlash(full), RawQuery: options.Encode()}
	db, err := sql.Open("sqlite", location.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// prepare checks that the file is what this program can keep its promises with, and makes the table in a new one.
func (s *SQLite) prepare() error {
	var journal string
	if err := s.writer.QueryRow("PRAGMA journal_mode").Scan(&journal); err != nil {
		return err
	}
	if journal != "wal" {
		return fmt.Errorf("journal mode is %q, want wal: is the file on a network share?", journal)
	}
	found, err := userVersion(s.writer)
	if err != nil || found == layout {
		return err
	}
	return s.create()
}

// create makes the table or brings it to this layout, unless another process does so at the same time.
func (s *SQLite) create() error {
	tx, err := s.writer.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() // a no-op after Commit
	found, err := userVersion(tx)
	switch {
	case err != nil || found == layout:
		return err
	case found == withoutSums:
		err = addSums(tx)
	case found != 0:
		return fmt.Errorf("the catalog has layout %d and this program knows %d: it was written by a newer bursar", found, layout)
	default:
		_, err = tx.Exec(schema)
	}
	if err != nil {
		return err
	}
	if _, err := tx.Exec(fmt.Sprintf("PRAGMA user_version = %d", layout)); err != nil {
		return err
	}
	return tx.Commit()
}

// addSums gives every document its checksum, a page of them at a time.
func addSums(tx *sql.Tx) error {
	if _, err := tx.Exec(`ALTER TABLE documents ADD COLUMN sum INTEGER`); err != nil {
		return err
	}
	from, last := &sqliteTx{ctx: context.Background(), tx: tx, unchecked: true}, ""
	for {
		documents, err := from.page(last, false, "", page)
		if err != nil {
			return err
		}
		for _, d := range documents {
			if _, err := tx.Exec(`UPDATE documents SET sum = ? WHERE key = ?`, checksum(d.key, d.value), d.key); err != nil {
				return err
			}
		}
		if len(documents) < page {
			return nil
		}
		last = documents[page-1].key
	}
}

func userVersion(from interface {
	QueryRow(query string, args ...any) *sql.Row
},
) (version int, err error) {
	err = from.QueryRow("PRAGMA user_version").Scan(&version)
	return version, err
}

// Update runs fn in a transaction that excludes every other writer.
func (s *SQLite) Update(ctx context.Context, fn func(Tx) error) error {
	defer s.changes.Add(1) // also after an error: it may have been written
	return s.gone(within(ctx, s.writer, false, fn))
}

// View runs fn on the state at its first read.
func (s *SQLite) View(ctx context.Context, fn func(Tx) error) error {
	return s.gone(within(ctx, s.reader, true, fn))
}

func within(ctx context.Context, db *sql.DB, readOnly bool, fn func(Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin catalog transaction: %w", damage(err))
	}
	defer tx.Rollback() // a no-op after Commit; also when fn panics
	if err := fn(&sqliteTx{ctx: ctx, tx: tx, readOnly: readOnly}); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit catalog transaction: %w", damage(err))
	}
	return nil
}

// Close waits for running transactions and closes the file.
func (s *SQLite) Close() error {
	// The writer goes last: the last connection writes the log back into the file, and readers may not.
	if err := errors.Join(s.reader.Close(), s.writer.Close()); err != nil {
		return fmt.Errorf("close catalog: %w", err)
	}
	return nil
}
