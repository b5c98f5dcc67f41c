// The database of the embedded server: one SQLite file in WAL mode, created completely or not at all, verified and removed.

package temporal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"bursar/internal/failure"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/persistence/sql/sqlplugin"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/schema/sqlite"
	"google.golang.org/protobuf/types/known/durationpb"
	driver "modernc.org/sqlite" // registers itself as "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// retention is how long the history of an ended workflow is kept.
const retention = 3 * 24 * time.Hour

var starts atomic.Int64

func databaseFile(stateDir string) string { return filepath.Join(stateDir, "temporal.db") }

// escapeForURI escapes a file name for an SQLite URI, in which ?, # and % have a meaning.
func escapeForURI(file string) string { return (&url.URL{Path: file}).EscapedPath() }

// asDamaged adds class and remedy to a driver's error that means that the database is damaged.
func asDamaged(err error) error {
	var sqliteErr *driver.Error
	if errors.As(err, &sqliteErr) && (sqliteErr.Code() == sqlite3.SQLITE_CORRUPT || sqliteErr.Code() == sqlite3.SQLITE_NOTADB) {
		return failure.Wrap(failure.Data, fmt.Errorf("%w; `bursar repair` replaces it", err))
	}
	return err
}

// prepareDatabase creates the database if necessary, and returns the server's configuration of it.
func prepareDatabase(ctx context.Context, stateDir string) (*config.SQL, error) {
	file := databaseFile(stateDir)
	store := &config.SQL{
		PluginName:   sqliteplugin.PluginName,
		DatabaseName: escapeForURI(file),
		// Names that are not connection parameters are used as pragmas; wrong ones are silently ignored.
		ConnectAttributes: map[string]string{
			"mode":         "rw",
			"journal_mode": "WAL",
			"synchronous":  "NORMAL",
			// The plugin keeps one connection per set of attributes for the life of the process, even to a deleted
			// file. A different number gives each server a new connection.
			"busy_timeout": strconv.FormatInt(10_000+starts.Add(1), 10),
		},
	}
	if err := setUp(ctx, file, store); err != nil {
		return nil, fmt.Errorf("prepare %s (it contains only history, and is created again if deleted): %w", file, asDamaged(err))
	}
	return store, nil
}

func setUp(ctx context.Context, file string, store *config.SQL) error {
	if err := removeOrphanedFiles(file); err != nil {
		return err
	}
	if err := withDatabase(file, "rwc", func(db *sql.DB) error { return createSchema(ctx, db) }); err != nil {
		return err
	}
	if err := createNamespace(store); err != nil {
		return err
	}
	return withDatabase(file, "ro", func(db *sql.DB) error { return requireWAL(ctx, db) })
}

// withDatabase calls fn with a new connection and closes it. A connection that stays open would keep the journal mode that it
// first read.
func withDatabase(file, mode string, fn func(*sql.DB) error) error {
	db, err := sql.Open("sqlite", "file:"+escapeForURI(file)+"?mode="+mode+"&_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	return errors.Join(fn(db), db.Close())
}

// removeOrphanedFiles removes the log files of a deleted database, which do not belong to a new one.
func removeOrphanedFiles(file string) error {
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return removeFiles(file, "-wal", "-shm", "-journal")
}

// removeFiles removes the files with these suffixes. Missing ones are not an error.
func removeFiles(file string, suffixes ...string) error {
	for _, suffix := range suffixes {
		if err := os.Remove(file + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// createSchema creates the tables in one transaction, so that a process killed meanwhile leaves an empty file.
func createSchema(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var tables int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&tables); err != nil {
		return err
	}
	if tables > 0 {
		return nil
	}
	if err := sqlite.SetupSchemaOnDB(schemaTarget{tx: tx}); err != nil {
		return fmt.Errorf("create schema: %w", err)
	}
	return tx.Commit()
}

// schemaTarget runs the schema's statements in a transaction. The setup calls no other method of AdminDB.
type schemaTarget struct {
	sqlplugin.AdminDB
	tx *sql.Tx
}

// Exec runs one statement.
func (s schemaTarget) Exec(statement string, args ...any) error {
	_, err := s.tx.Exec(statement, args...)
	return err
}

// createNamespace creates the namespace if necessary, through the server's own connection to the file.
func createNamespace(store *config.SQL) error {
	ns, err := sqlite.NewNamespaceConfig(clusterName, Namespace, false, nil)
	if err != nil {
		return fmt.Errorf("configure namespace %s: %w", Namespace, err)
	}
	ns.Detail.Config.Retention = durationpb.New(retention)
	if err := sqlite.CreateNamespaces(store, ns); err != nil {
		return fmt.Errorf("create namespace %s: %w", Namespace, err)
	}
	return nil
}

// requireWAL checks that the server's connection applied its attributes: the journal mode is stored in the file.
func requireWAL(ctx context.Context, db *sql.DB) error {
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return fmt.Errorf("read journal mode: %w", err)
	}
	if mode != "wal" {
		return fmt.Errorf("journal mode is %q, not wal", mode)
	}
	return nil
}

// VerifyDatabase checks the structure of the database in a state folder, whether a server uses it or not. A missing database is
// not an error: the next start creates it.
func VerifyDatabase(ctx context.Context, stateDir string) error {
	file := databaseFile(stateDir)
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	text, err := checkDatabase(ctx, file, "rw")
	if err != nil && hasNoLog(file) { // on a read-only disk SQLite cannot create its shared memory
		text, err = checkDatabase(ctx, file, "ro&immutable=1")
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil && text != "ok" {
		err = errors.New(text)
	}
	if err != nil {
		return failure.Wrap(failure.Data, fmt.Errorf("%s is damaged: %w; it contains only history, and `bursar repair` replaces it", file, err))
	}
	return nil
}

// hasNoLog reports whether a database has no log. Then no process has it open, and the file is complete.
func hasNoLog(file string) bool {
	info, err := os.Stat(file + "-wal")
	return errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0
}

// checkDatabase returns the result of SQLite's integrity check; "ok" means no damage.
func checkDatabase(ctx context.Context, file, mode string) (string, error) {
	var found []string
	err := withDatabase(file, mode, func(db *sql.DB) error {
		rows, err := db.QueryContext(ctx, "PRAGMA integrity_check(3)")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				return err
			}
			found = append(found, text)
		}
		return rows.Err()
	})
	return strings.Join(found, "; "), err
}

// RemoveDatabase removes the database in a state folder. No server may use it. The next start creates a new one.
func RemoveDatabase(stateDir string) error {
	if err := removeFiles(databaseFile(stateDir), "", "-wal", "-shm", "-journal"); err != nil {
		return fmt.Errorf("remove damaged database: %w", err)
	}
	return nil
}
