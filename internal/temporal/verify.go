// Verification of the server's database, whether a server of this process uses it or not, and its removal while none does.

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

// VerifyDatabase checks the database below a state folder for damage of its structure. One that is not there is whole: it is made
// at the next start.
func VerifyDatabase(ctx context.Context, stateDir string) error {
	file := databaseFile(stateDir)
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	text, err := checkDatabase(ctx, file, "rw")
	if err != nil && unshared(file) { // the disk may take nothing: then SQLite cannot make what its processes share
		text, err = checkDatabase(ctx, file, "ro&immutable=1")
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil && text != "ok" {
		err = errors.New(text)
	}
	if err != nil {
		return failure.Wrap(failure.Data, fmt.Errorf("%s is damaged: %w; it holds only history, and `bursar repair` replaces it", file, err))
	}
	return nil
}

// unshared reports whether a database has no log: then nobody has it open, and its file is all of it.
func unshared(file string) bool {
	info, err := os.Stat(file + "-wal")
	return errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0
}

// checkDatabase gives what SQLite finds of a database; "ok" is nothing.
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

// RemoveDatabase removes the database below a state folder: the next start makes a new one.
func RemoveDatabase(stateDir string) error {
	file := databaseFile(stateDir)
	for _, name := range []string{file, file + "-wal", file + "-shm", file + "-journal"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove damaged database: %w", err)
		}
	}
	return nil
}
