// Verification and removal of the server's database, while no server runs.

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
	var found []string
	err := withDatabase(file, "rw", func(db *sql.DB) error {
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
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if text := strings.Join(found, "; "); err == nil && text != "ok" {
		err = errors.New(text)
	}
	if err != nil {
		return failure.Wrap(failure.Data, fmt.Errorf("%s is damaged: %w; it holds only history, and `bursar repair` replaces it", file, err))
	}
	return nil
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
