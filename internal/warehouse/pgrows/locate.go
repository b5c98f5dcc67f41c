// The place of an error in a statement.

package pgrows

import (
	"cmp"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"bursar/internal/warehouse"
)

// Locate adds the line to an error in whose chain a server's error names a place in the statement.
func Locate(err error, sql string) error {
	var reported *pgconn.PgError
	if !errors.As(err, &reported) || reported.Position <= 0 {
		return err
	}
	line, left := 1, reported.Position-1 // characters before the place
	for _, c := range sql {
		if left == 0 {
			break
		}
		if left--; c == '\n' {
			line++
		}
	}
	message := strings.Join([]string{reported.Message, cmp.Or(reported.Detail, reported.Hint)}, ": ")
	return &warehouse.StatementError{Err: err, Message: strings.TrimSuffix(message, ": "), Line: line}
}
