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

// Ask asks with all values that have no column type as the texts that DuckDB casts them to.
func (t *tx) Ask(ctx context.Context, sql string, each func(columns []warehouse.Column, rows []column.Vector) error) error {
	return t.asker.Ask(ctx, sql, castToText, each)
}

// Asker executes statements of people in one transaction, or describes them. It is for one goroutine, as its session is.
type Asker struct{ session *duck.Session }

// NewAsker returns an Asker for a session. Its transaction must be read-only.
func NewAsker(session *duck.Session) Asker { return Asker{session} }

// Asking calls fn with an Asker of one state of the warehouse. It does not wait for a Write.
func (d *Database) Asking(ctx context.Context, fn func(context.Context, Asker) error) error {
	return d.transaction(ctx, beginReading, func(t *tx) error { return fn(ctx, t.asker) })
}

// TextSQL returns the expression for the text of a value that has no column type.
type TextSQL func(value, sqlType string) string

func castToText(value, _ string) string { return "CAST(" + value + " AS VARCHAR)" }

// Ask checks the statement with DuckDB's parser. The transaction is read-only, its configuration is locked, and files outside of the scratch
// folder are closed to it, too.
func (a Asker) Ask(ctx context.Context, sql string, asText TextSQL, each func(columns []warehouse.Column, rows []column.Vector) error) error {
	columns, from, err := a.prepare(ctx, sql)
	if err != nil {
		return err
	}
	executed := withTexts(columns, sql, from, asText)
	var own error // of each
	err = a.read(ctx, columns, executed, func(columns []warehouse.Column, rows []column.Vector) error {
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

// Describe checks a statement, and returns the columns of its answer without executing it.
func (a Asker) Describe(ctx context.Context, sql string) ([]warehouse.Column, error) {
	columns, _, err := a.prepare(ctx, sql)
	return columns, err
}

// DescribePrepared describes a statement with parameters, as far as their types are known. Describe must have accepted the statement with NULL in
// place of each of them.
func (a Asker) DescribePrepared(ctx context.Context, sql string) (parameters map[string]string, columns []warehouse.Column, err error) {
	p, err := a.session.DescribePrepared(ctx, sql)
	for _, c := range p.Columns {
		columns = append(columns, warehouse.Column{Name: c.Name, SQL: c.Type, Type: TypeOf(c.Type)})
	}
	return p.Parameters, columns, askError(err, sql, 0)
}

// prepare checks a statement. from is what stands for it after FROM: query() executes a text, so that no comment or semicolon in it changes
// what is around it. Places in it are lost.
func (a Asker) prepare(ctx context.Context, sql string) (columns []warehouse.Column, from string, err error) {
	a.session.ShowValues()
	describes, err := a.session.CheckAsked(ctx, sql)
	if err != nil {
		return nil, "", askError(err, sql, 0)
	}
	from = "query(" + duck.Literal(sql) + ")"
	described, before := sql, len(describeWord)
	if describes {
		described = "FROM " + from
	}
	columns, err = a.describe(ctx, described)
	if err != nil {
		return nil, "", askError(err, describeWord+described, before)
	}
	return columns, from, nil
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
