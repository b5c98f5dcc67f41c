// Binds SELECT statements of SQL files.

package duck

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"bursar/internal/column"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// selectResult is the result of binding a SELECT.
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
	if answer, ok := bindCache.get(key); ok {
		result := answer.(selectResult) //nolint:errcheck // nothing else is kept for this question
		return slices.Clone(result.columns), slices.Clone(result.lines), nil
	}
	err = s.withBinding(ctx, tables, func(ctx context.Context, b *Session) error {
		tree, err := b.parseSelect(ctx, sql)
		if err != nil {
			return err
		}
		if err := checkSelect(tree, tables, sql); err != nil {
			return err
		}
		if columns, lines, err = b.describe(ctx, sql, columnLines(tree, sql)); err != nil {
			return err
		}
		return b.checkBound(ctx, sql, boundCheck{file: true, tables: tables})
	})
	if err == nil {
		bindCache.put(key, selectResult{slices.Clone(columns), slices.Clone(lines)})
	}
	return columns, lines, err
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

// parseSelect parses one SELECT.
func (s *Session) parseSelect(ctx context.Context, sql string) (map[string]any, error) {
	var parsed struct {
		Error      bool             `json:"error"`
		Message    string           `json:"error_message"`
		Position   json.Number      `json:"position"`
		Statements []map[string]any `json:"statements"`
	}
	if err := s.serialized(ctx, "json_serialize_sql("+Literal(sql)+")", &parsed); err != nil {
		return nil, &SelectError{Message: firstLine(err.Error())}
	}
	switch {
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
