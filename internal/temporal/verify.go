// Verification and removal of the server's database.

package temporal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"

	"bursar/internal/failure"
)

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
	file := databaseFile(stateDir)
	for _, name := range []string{file, file + "-wal", file + "-shm", file + "-journal"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove damaged database: %w", err)
		}
	}
	return nil
}
