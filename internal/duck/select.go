// Binds SELECT statements of SQL files, and rejects what they must not contain.

package duck

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"bursar/internal/column"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

type selectResult struct {
	columns []column.Field
	lines   []int
}

// SelectError explains why a SELECT is rejected, and where.
type SelectError struct {
	Message string
	At      int // the line in its text, from 1; 0 if unknown
}

func (e *SelectError) Error() string { return e.Message }

// Line is the line of the fault.
func (e *SelectError) Line() int { return e.At }

// Select returns the columns of one SELECT over the named tables without running it, and the line of each column in the text. It rejects
// other statements, several statements, all other tables and table functions (files are tables to DuckDB), samples, binary floating
// point anywhere (rule 2), and functions that are not known to give the same result for the same arguments (rule 6).
func (s *Session) Select(ctx context.Context, tables map[string][]column.Field, sql string) (columns []column.Field, lines []int, err error) {
	key := cacheKey("select", tablesKey(tables), sql)
	r, err := cached(ctx, s, key, tables, func(ctx context.Context, b *Session) (r selectResult, err error) {
		tree, err := b.parseSelect(ctx, sql)
		if err != nil {
			return r, err
		}
		if err := checkSelect(tree, tables, sql); err != nil {
			return r, err
		}
		if r.columns, r.lines, err = b.describe(ctx, sql, columnLines(tree, sql)); err != nil {
			return r, err
		}
		return r, b.checkBound(ctx, sql, boundCheck{file: true, tables: tables})
	})
	return slices.Clone(r.columns), slices.Clone(r.lines), err
}

func emptySQL(columns []column.Field) string {
	nulls := make([]string, len(columns))
	for i, c := range columns {
		nulls[i] = fmt.Sprintf("NULL::%s AS %s", c.Type.SQL(), column.QuoteIdentifier(c.Name))
	}
	return "SELECT " + strings.Join(nulls, ", ") + " WHERE false"
}

var linePattern = regexp.MustCompile(`\n+LINE (\d+):`)

// describe prepares a statement and returns the names and types of its columns.
func (s *Session) describe(ctx context.Context, sql string, lines []int) ([]column.Field, []int, error) {
	defer s.interruptOn(ctx)()
	var stmt duckdb.PreparedStatement
	defer duckdb.DestroyPrepare(&stmt)
	if duckdb.Prepare(s.conn, sql, &stmt) != duckdb.StateSuccess {
		message := duckdb.PrepareError(stmt)
		refusal := &SelectError{Message: message}
		if m := linePattern.FindStringSubmatchIndex(message); m != nil {
			refusal.At, _ = strconv.Atoi(message[m[2]:m[3]])
			refusal.Message = message[:m[0]]
		}
		return nil, nil, refusal
	}
	if duckdb.NParams(stmt) > 0 {
		return nil, nil, &SelectError{Message: "parameters are not allowed"}
	}
	columns := make([]column.Field, duckdb.PreparedStatementColumnCount(stmt))
	if len(lines) != len(columns) { // a * stands for several
		lines = slices.Repeat([]int{1}, len(columns))
	}
	for i := range columns {
		at := duckdb.IdxT(i)
		logical := duckdb.PreparedStatementColumnLogicalType(stmt, at)
		t, err := typeOf(logical)
		duckdb.DestroyLogicalType(&logical)
		name := duckdb.PreparedStatementColumnName(stmt, at)
		if err != nil {
			return nil, nil, &SelectError{Message: fmt.Sprintf("column %s: %v", name, err), At: lines[i]}
		}
		columns[i] = column.Field{Name: name, Type: t}
	}
	return columns, lines, nil
}

func (s *Session) parseSelect(ctx context.Context, sql string) (map[string]any, error) {
	parsed, err := s.parse(ctx, sql)
	switch {
	case err != nil:
		return nil, &SelectError{Message: firstLine(err.Error())}
	case parsed.Error && parsed.Position != "":
		return nil, &SelectError{Message: firstLine(parsed.Message), At: lineAt(sql, parsed.Position)}
	case parsed.Error && strings.Contains(parsed.Message, "Only SELECT"):
		return nil, &SelectError{Message: "it must be one SELECT statement: nothing else is run", At: 1}
	case parsed.Error:
		return nil, &SelectError{Message: firstLine(parsed.Message), At: 1}
	case len(parsed.Statements) != 1:
		return nil, &SelectError{Message: fmt.Sprintf("it must be one SELECT statement; these are %d", len(parsed.Statements)), At: 1}
	}
	return parsed.Statements[0], nil
}

// columnLines returns the line of each column of the result, if the SELECT lists them.
func columnLines(tree map[string]any, sql string) []int {
	selected := list(object(tree["node"])["select_list"])
	lines := make([]int, len(selected))
	for i, item := range selected {
		at, _ := object(item)["query_location"].(json.Number)
		lines[i] = lineAt(sql, at)
	}
	return lines
}

// lineAt returns the line of a byte offset, or the first line if the offset is not valid. It counts lines as DuckDB's messages do:
// a carriage return, a line feed, and both together each end one line.
func lineAt(sql string, at json.Number) int {
	n, err := strconv.Atoi(at.String())
	if err != nil || n < 0 || n > len(sql) {
		return 1
	}
	before := sql[:n]
	return 1 + strings.Count(before, "\n") + strings.Count(before, "\r") - strings.Count(before, "\r\n")
}

// rowFunctions are the table functions that compute rows from their arguments only.
var rowFunctions = []string{"unnest", "range", "generate_series"}

// sessionWords are function calls without parentheses, unless a column has the name.
var sessionWords = set("current_catalog current_role current_schema current_user session_user user")

type selectCheck struct {
	tables map[string][]column.Field
	known  map[string]bool // tables, and the names defined by WITH
}

// checkSelect rejects what binding alone would accept.
func checkSelect(tree map[string]any, tables map[string][]column.Field, sql string) error {
	c := selectCheck{tables: tables, known: map[string]bool{}}
	for name := range tables {
		c.known[name] = true
	}
	c.collect(tree)
	if reason, at := firstRefusal(tree, c.refusal); reason != "" {
		return &SelectError{Message: reason, At: lineWithin(at, sql)}
	}
	return nil
}

// collect records the names that WITH defines.
func (c *selectCheck) collect(tree any) {
	for node := range nodes(tree) {
		for _, entry := range list(object(node["cte_map"])["map"]) {
			c.known[strings.ToLower(text(object(entry)["key"]))] = true
		}
	}
}

// refusal returns why a node is rejected, or "".
func (c *selectCheck) refusal(node map[string]any) string {
	if node["sample"] != nil {
		return "a sample is refused: it takes other rows each time"
	}
	switch kind, class := node["type"], text(node["class"]); {
	case kind == "BASE_TABLE":
		return c.table(node)
	case kind == "TABLE_FUNCTION":
		if name := text(object(node["function"])["function_name"]); !slices.Contains(rowFunctions, strings.ToLower(name)) {
			return fmt.Sprintf("table function %s() is refused: only %s can be read", name, c.names())
		}
	case kind == "RECURSIVE_CTE_NODE":
		return "a recursive WITH is refused: it may never end; write range(100) where rows are to be counted"
	case kind == "SHOW_REF", kind == "PIVOT" && class == "":
		return "only a plain SELECT is allowed"
	case class == "COLUMN_REF":
		return c.column(node)
	}
	return refusedCall(node, column.AtIntake)
}

// table rejects all tables except the given ones: a file is a table to DuckDB, and so are the views of its catalog.
func (c *selectCheck) table(node map[string]any) string {
	name := text(node["table_name"])
	if node["schema_name"] == "" && node["catalog_name"] == "" && c.known[strings.ToLower(name)] {
		return ""
	}
	return fmt.Sprintf("table %q is refused: only %s can be read", name, c.names())
}

func (c *selectCheck) names() string { return tableNames(c.tables) }

func tableNames(tables map[string][]column.Field) string {
	return strings.Join(slices.Sorted(maps.Keys(tables)), " and ")
}

// column rejects words such as current_date unless a column has the name.
func (c *selectCheck) column(node map[string]any) string {
	name := lastName(node)
	if word := firstName(node); len(list(node["column_names"])) != 1 || !clockWords[word] && !sessionWords[word] {
		return ""
	}
	for _, columns := range c.tables {
		if hasColumn(columns, name) {
			return ""
		}
	}
	return fmt.Sprintf("%s is refused: it changes from call to call", name)
}
