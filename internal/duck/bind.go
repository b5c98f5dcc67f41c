// Binds expressions: finds their types, and rejects what they must not contain.

package duck

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"bursar/internal/column"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// Bind returns the type of an SQL expression over the given columns without running it. It rejects aggregates, window functions,
// subqueries, parameters, expressions that stand for several columns, binary floating point anywhere (rule 2), functions that are
// not known to give the same result for the same arguments (rule 6), and literals that are not valid values of the type that they
// are compared with.
func (s *Session) Bind(ctx context.Context, columns []column.Field, expr string, when column.Evaluation) (column.Type, error) {
	key := cacheKey("type", strconv.Itoa(int(when)), emptySQL(columns), expr)
	return cached(ctx, s, key, nil, func(ctx context.Context, b *Session) (t column.Type, err error) {
		tree, err := b.parseExpression(ctx, expr)
		if err != nil {
			return t, b.suggestQuotes(ctx, columns, expr, err)
		}
		check := treeCheck{columns: columns, when: when, sql: expr, parameters: lambdaParameters(tree)}
		if reason, _ := firstRefusal(tree, check.refusal); reason != "" {
			return t, errors.New(reason)
		}
		// In WHERE neither aggregates nor window functions are allowed, so none can hide in an expression.
		sql := fmt.Sprintf("SELECT (%s\n) FROM (%s) WHERE (%s\n) IS NULL", expr, emptySQL(columns), expr)
		if t, err = b.typeOfExpression(ctx, sql); err == nil {
			err = b.checkBound(ctx, sql, boundCheck{when: when})
		}
		return t, suggestProduct(expr, err)
	})
}

// typeOfExpression returns the type of a SELECT's only column. An expression that expands to several columns would shift all others.
func (s *Session) typeOfExpression(ctx context.Context, sql string) (column.Type, error) {
	defer s.interruptOn(ctx)()
	var stmt duckdb.PreparedStatement
	defer duckdb.DestroyPrepare(&stmt)
	if duckdb.Prepare(s.conn, sql, &stmt) != duckdb.StateSuccess {
		return column.Type{}, errors.New(firstLine(duckdb.PrepareError(stmt)))
	}
	if duckdb.NParams(stmt) > 0 {
		return column.Type{}, errors.New("parameters are not allowed in an expression")
	}
	if n := duckdb.PreparedStatementColumnCount(stmt); n != 1 {
		return column.Type{}, fmt.Errorf("an expression gives one column; this gives %d", n)
	}
	logical := duckdb.PreparedStatementColumnLogicalType(stmt, 0)
	defer duckdb.DestroyLogicalType(&logical)
	return typeOf(logical)
}

func (s *Session) parseExpression(ctx context.Context, expr string) (any, error) {
	tree, err := s.parseSelect(ctx, "SELECT ("+expr+"\n)")
	if err != nil {
		return nil, err
	}
	node := object(tree["node"])
	selected := list(node["select_list"])
	if len(selected) != 1 || object(node["from_table"])["type"] != "EMPTY" {
		return nil, errors.New("not one SQL expression")
	}
	return selected[0], nil
}

// suggestQuotes adds a hint to a syntax error if a column of the expression has a name that is an SQL keyword.
func (s *Session) suggestQuotes(ctx context.Context, columns []column.Field, expr string, fault error) error {
	for _, c := range columns {
		word := regexp.MustCompile(`(?i)(?:^|[^"\w])` + regexp.QuoteMeta(c.Name) + `(?:[^"\w]|$)`)
		if !word.MatchString(expr) {
			continue
		}
		if _, err := s.parseExpression(ctx, c.Name+" < 1"); err != nil {
			return fmt.Errorf("%w; write the column %s with quotes: %s", fault, c.Name, column.QuoteIdentifier(c.Name))
		}
	}
	return fault
}

// byPowerOfTen matches a division by a power of ten, such as amount / 100.
var byPowerOfTen = regexp.MustCompile(`([\w.]+|"[^"]+"|\))\s*/\s*1(0+)\b(?:[^.]|$)`)

// suggestProduct adds to the rejection of binary floating point which product is equal to a division in the expression.
func suggestProduct(expr string, fault error) error {
	m := byPowerOfTen.FindStringSubmatch(expr)
	if m == nil || fault == nil || !strings.Contains(fault.Error(), exactForms) {
		return fault
	}
	of := strings.TrimPrefix(m[1], ")")
	return fmt.Errorf("%w; `%s * 0.%s1` is `%s / 1%s`", fault, cmp.Or(of, "(…)"), m[2][1:], cmp.Or(of, "(…)"), m[2])
}

// treeCheck walks a parsed expression and rejects what binding alone would accept.
type treeCheck struct {
	columns    []column.Field
	when       column.Evaluation
	sql        string
	parameters map[string]bool // of lambdas
}

// firstRefusal returns the first reason for which a node of a tree is rejected, and the node. It is "" if there is none.
func firstRefusal(tree any, refusal func(node map[string]any) string) (reason string, at map[string]any) {
	for node := range nodes(tree) {
		if reason := refusal(node); reason != "" {
			return reason, node
		}
	}
	return tooLarge(tree), nil
}

// refusal returns why a node is rejected, or "".
func (c *treeCheck) refusal(node map[string]any) string {
	switch node["class"] {
	case "SUBQUERY":
		return "a subquery is not allowed in an expression"
	case "STAR":
		return "a * or COLUMNS(…) stands for several columns: name each column"
	case "COLUMN_REF":
		return c.column(node)
	}
	return refusedCall(node, c.when)
}

// column rejects names that are neither columns nor, if the clock may be read, words for it.
func (c *treeCheck) column(node map[string]any) string {
	name, bare := lastName(node), len(list(node["column_names"])) == 1
	switch isClock := clockWords[strings.ToLower(name)]; {
	case hasColumn(c.columns, name), c.parameters[firstName(node)], c.when == column.InQueries && bare && isClock:
		return ""
	case isClock:
		return fmt.Sprintf("%s is refused: it changes from call to call", name)
	}
	hint := ""
	if strings.Contains(c.sql, column.QuoteIdentifier(name)) {
		hint = fmt.Sprintf("; text goes in single quotes: '%s'", strings.ReplaceAll(name, "'", "''"))
	}
	return fmt.Sprintf("unknown column %q; there are %s%s", name, names(c.columns), hint)
}

func hasColumn(columns []column.Field, name string) bool {
	return slices.ContainsFunc(columns, func(c column.Field) bool { return strings.EqualFold(c.Name, name) })
}

func names(columns []column.Field) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = c.Name
	}
	return strings.Join(list, ", ")
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
