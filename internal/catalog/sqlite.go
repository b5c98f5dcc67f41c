// The catalog of a single machine: one SQLite file in WAL mode.

package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	_ "modernc.org/sqlite" // the driver that the embedded Temporal server brings

	"bursar/internal/durable"
	"bursar/internal/failure"
)

const (
	// layout is the version of the table below, stored in the file's user_version.
	layout = 2
	schema = `CREATE TABLE documents (key TEXT PRIMARY KEY, value TEXT NOT NULL, sum INTEGER) WITHOUT ROWID`
	// layoutWithoutSums is the layout whose documents have no checksums.
	layoutWithoutSums = 1
	// busyTimeout is how long a transaction waits for a transaction of another process.
	busyTimeout = 10 * time.Second
)

// SQLite is a Catalog in one file. A write is durable when Update returns (synchronous=FULL); writes of one process
// wait for each other in order, and reads do not wait.
type SQLite struct {
	path   string
	files  []openFile
	writer *sql.DB // one connection; nil if the file is open for reading only
	reader *sql.DB // a few, opened when needed

	feed Feed
}

// Changes returns a number that grows with every Update of this process, the only one that writes.
func (s *SQLite) Changes() uint64 { return s.feed.Count() }

// Watch reports the changes of this process, the only one that writes.
func (s *SQLite) Watch(ctx context.Context, prefix string) <-chan struct{} {
	return s.feed.Watch(ctx, prefix)
}

// OpenSQLite opens the catalog in the file at path, and creates missing file and folders.
func OpenSQLite(path string) (*SQLite, error) {
	s, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("open catalog %s: %w", path, asDamaged(err))
	}
	return s, nil
}

func open(path string) (*SQLite, error) {
	if err := checkLogHasDatabase(path); err != nil {
		return nil, err
	}
	if err := makeFile(path); err != nil {
		return nil, err
	}
	writer, err := connect(path, 1, nil, "journal_mode(WAL)", "synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	reader, err := connect(path, readers(), nil, "query_only(1)")
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

// readers is the number of connections for reading.
func readers() int { return max(2, runtime.NumCPU()) }

// ErrReadOnly is returned by Update if the catalog is open for reading only. Its class is Data.
var ErrReadOnly = failure.Wrap(failure.Data, errors.New("the catalog is open for reading only"))

// OpenReadOnly opens the catalog in the file at path and writes nothing, not even next to it. The error for a missing file is
// fs.ErrNotExist, wrapped.
func OpenReadOnly(path string) (*SQLite, error) {
	reader, err := connectReadOnly(path)
	if err != nil {
		return nil, fmt.Errorf("open catalog %s for reading: %w", path, err)
	}
	return &SQLite{path: path, reader: reader}, nil
}

func connectReadOnly(path string) (*sql.DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	access := url.Values{"mode": {"ro"}}
	// A closed catalog has no log and no writers, so SQLite need not create the files that writers share.
	if info, err := os.Stat(path + logSuffix); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		access.Set("immutable", "1")
	}
	db, err := connect(path, readers(), access)
	if err != nil {
		return nil, err
	}
	found, err := userVersion(db)
	if err == nil && found != layout {
		err = fmt.Errorf("it has layout %d, but this program supports %d", found, layout)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// checkLogHasDatabase refuses a log whose database is missing or empty: SQLite would remove the log, the only copy of its data.
func checkLogHasDatabase(path string) error {
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		return nil
	}
	if info, err := os.Stat(path + logSuffix); err == nil && info.Size() > logHeader {
		return &DamagedError{Err: fmt.Errorf("%s is missing or empty, but has a log", path)}
	}
	return nil
}

// makeFile creates an empty file that only its owner may read. SQLite gives the same mode to its log.
func makeFile(path string) error {
	if err := durable.MakeFolder(filepath.Dir(path)); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

// connect opens connections for reading and writing, unless access says otherwise.
func connect(path string, connections int, access url.Values, pragmas ...string) (*sql.DB, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	options := url.Values{
		"_pragma": append(pragmas, fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds())),
		"_txlock": {"immediate"},
		"mode":    {"rw"}, // a removed file must not be created again: it would be empty
	}
	if connections > 1 {
		options.Set("_txlock", "deferred")
	}
	maps.Copy(options, access)
	location := url.URL{Scheme: "file", Path: filepath.ToSlash(full), RawQuery: options.Encode()}
	db, err := sql.Open("sqlite", location.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// prepare checks the journal mode and the layout of the file, and creates the table in a new file.
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

// create creates the table or upgrades its layout, unless another process has done so meanwhile.
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
	case found == layoutWithoutSums:
		err = addSums(tx)
	case found != 0:
		return fmt.Errorf("the catalog has layout %d, but this program supports %d: it was written by a newer bursar", found, layout)
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

// addSums adds checksums to all documents, one page at a time.
func addSums(tx *sql.Tx) error {
	if _, err := tx.Exec(`ALTER TABLE documents ADD COLUMN sum INTEGER`); err != nil {
		return err
	}
	legacyTx, last := &sqliteTx{ctx: context.Background(), tx: tx, unchecked: true}, ""
	for {
		documents, err := legacyTx.page(last, false, "", pageSize)
		if err != nil {
			return err
		}
		for _, d := range documents {
			if _, err := tx.Exec(`UPDATE documents SET sum = ? WHERE key = ?`, Checksum(d.key, d.value), d.key); err != nil {
				return err
			}
		}
		if len(documents) < pageSize {
			return nil
		}
		last = documents[pageSize-1].key
	}
}

func userVersion(db interface {
	QueryRow(query string, args ...any) *sql.Row
},
) (version int, err error) {
	err = db.QueryRow("PRAGMA user_version").Scan(&version)
	return version, err
}

// Update runs fn in a transaction that excludes every other writer.
func (s *SQLite) Update(ctx context.Context, fn func(Tx) error) error {
	if s.writer == nil {
		return ErrReadOnly
	}
	var written Written
	defer func() { written.Report(&s.feed) }() // also after an error, as the commit may have succeeded
	return s.asRemoved(inTransaction(ctx, s.writer, &written, fn))
}

// View runs fn on the state at its first read.
func (s *SQLite) View(ctx context.Context, fn func(Tx) error) error {
	return s.asRemoved(inTransaction(ctx, s.reader, nil, fn))
}

// inTransaction runs fn in a transaction that collects the keys it writes, or may not write if written is nil.
func inTransaction(ctx context.Context, db *sql.DB, written *Written, fn func(Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin catalog transaction: %w", asDamaged(err))
	}
	defer tx.Rollback() // a no-op after Commit; also when fn panics
	if err := fn(&sqliteTx{ctx: ctx, tx: tx, written: written}); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit catalog transaction: %w", asDamaged(err))
	}
	return nil
}

// Close waits for running transactions and closes the file.
func (s *SQLite) Close() error {
	err := s.reader.Close()
	if s.writer != nil { // it is closed last: the last connection copies the log into the file, and readers must not write
		err = errors.Join(err, s.writer.Close())
	}
	if err != nil {
		return fmt.Errorf("close catalog: %w", err)
	}
	return nil
}
