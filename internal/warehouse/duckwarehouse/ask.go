// Statements of people.

package duckwarehouse

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/failure"
	"bursar/internal/warehouse"
)

// Ask checks the statement with DuckDB's parser. The transaction is read-only, its configuration is locked, and files outside of the scratch
// folder are closed to it, too.
func (t *tx) Ask(ctx context.Context, sql string, each func(columns []warehouse.Column, rows []column.Vector) error) error {
	t.session.ShowValues()
	describes, err := t.session.CheckAsked(ctx, sql)
	if err != nil {
		return askError(err, sql, 0)
	}
	// query() executes a text, so that no comment or semicolon in it changes what is around it. Places in it are lost.
	from := "query(" + duck.Literal(sql) + ")"
	described, before := sql, len(describeWord)
	if describes {
		described = "FROM " + from
	}
	columns, err := t.describe(ctx, described)
	if err != nil {
		return askError(err, describeWord+described, before)
	}
	executed := withTexts(columns, sql, from)
	var own error // of each
	err = t.read(ctx, columns, executed, func(columns []warehouse.Column, rows []column.Vector) error {
		if own = checkFinite(columns, rows); own == nil {
			own = each(columns, rows)
		}
		return own
	})
	switch {
	case own != nil:
		return own
	case executed != sql:
		executed = ""
	}
	return askError(err, executed, 0)
}

// CheckSelect checks what a SELECT refers to with DuckDB's parser.
func (t *tx) CheckSelect(ctx context.Context, sql string) error {
	found, err := t.session.References(ctx, sql)
	var refused *duck.SelectError
	switch {
	case errors.As(err, &refused):
	case err != nil:
		return err
	case len(found.Functions) > 0:
		f := found.Functions[0]
		refused = &duck.SelectError{Message: fmt.Sprintf("table function %s() is refused: only tables of the warehouse can be read", f.Name), At: f.Line}
	case len(found.Refused) > 0:
		refused = &found.Refused[0]
	default:
		return nil
	}
	return &warehouse.StatementError{Message: refused.Message, Line: refused.At}
}

// The values of infinite dates and timestamps, and of those before all others with the opposite sign.
const (
	infiniteDay    = math.MaxInt32
	infiniteMoment = math.MaxInt64
)

// checkFinite refuses infinite dates and timestamps, which would be printed as others.
func checkFinite(columns []warehouse.Column, rows []column.Vector) error {
	for i, c := range columns {
		infinite := int64(infiniteDay)
		switch c.Type.Kind {
		case column.Date:
		case column.Timestamp:
			infinite = infiniteMoment
		default:
			continue
		}
		for _, x := range rows[i].Ints {
			if x == infinite || x == -infinite {
				return failure.Wrap(failure.Data, fmt.Errorf("column %s: %w", c.Name, warehouse.ErrInfinite))
			}
		}
	}
	return nil
}

// askError returns an error about a statement of a person as a StatementError. The statement is the text that was executed from the given
// byte on; "" if the text has another one within it.
func askError(err error, executed string, from int) error {
	var refused *duck.AskError
	var message duck.Error
	switch {
	case errors.As(err, &refused):
		e := &warehouse.StatementError{Message: refused.Message, UnknownTable: refused.Table != ""}
		if refused.Place > 0 {
			e.Line, e.Column = warehouse.PlaceAfter(executed[:min(refused.Place-1, len(executed))])
		}
		return e
	case errors.As(err, &message) && isAboutStatement(message):
		return statementError(string(message), executed, from)
	}
	return err
}

// placePattern is how DuckDB shows a place: the line, which is cut if it is long, and a sign below it.
var placePattern = regexp.MustCompile(`\n+LINE (\d+): ([^\n]*)\n( *)\^`)

func statementError(message, executed string, from int) error {
	e := &warehouse.StatementError{Message: message}
	found := placePattern.FindStringSubmatch(message)
	if found == nil {
		return e
	}
	e.Message, _, _ = strings.Cut(message, found[0])
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(executed), "\n")
	n, _ := strconv.Atoi(found[1])
	if executed == "" || n < 1 || n > len(lines) {
		return e
	}
	e.Line = n
	const cut = "..."
	shown, sign := found[2], len(found[3])-len("LINE : ")-len(found[1])
	if begin, isCut := strings.CutPrefix(shown, cut); isCut {
		shown, sign = begin, sign-len(cut)
	}
	before := strings.Index(lines[n-1], strings.TrimSuffix(shown, cut))
	if before < 0 || sign < 0 {
		return e
	}
	e.Column = utf8.RuneCountInString(lines[n-1][:before]) + sign + 1
	if n == 1 {
		e.Column -= from
	}
	return e
}
