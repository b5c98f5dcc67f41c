// Errors of the server about statements of people.

package pgask

import (
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"bursar/internal/warehouse"
)

// SQLSTATE codes: https://www.postgresql.org/docs/current/errcodes-appendix.html.
const (
	undefinedTable  = "42P01"
	undefinedSchema = "3F000"
	readOnly        = "25006"
	queryCanceled   = "57014"
)

// aboutStatement are the classes of errors about the statement: its syntax, names and rights, values, rows of subqueries, limits, what is not
// supported, and what a function raises.
var aboutStatement = []string{"42", "22", "21", "54", "0A", "P0"}

// Error returns an error of the server about a statement as a warehouse.StatementError, and any other as it is.
func Error(err error, sql string) error {
	var reported *pgconn.PgError
	if !errors.As(err, &reported) {
		return err
	}
	e := &warehouse.StatementError{Message: reported.Message, UnknownTable: reported.Code == undefinedTable}
	switch {
	case reported.Code == queryCanceled && strings.Contains(reported.Message, "statement timeout"):
		e.Timeout = true
	case reported.Code != readOnly && reported.Code != undefinedSchema && !slices.Contains(aboutStatement, reported.Code[:min(2, len(reported.Code))]):
		return err
	}
	for _, more := range []string{reported.Detail, reported.Hint} {
		if more != "" {
			e.Message += "; " + more
		}
	}
	if characters := []rune(sql); reported.Position > 0 && int(reported.Position) <= len(characters)+1 {
		e.Line, e.Column = warehouse.PlaceAfter(string(characters[:reported.Position-1]))
	}
	return e
}
