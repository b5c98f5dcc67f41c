package duck

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"bursar/internal/column"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// Bind returns the type of an SQL expression over the given columns without running it. It refuses aggregates, window
// functions, subqueries, parameters, floating point results and, with consistentOnly, functions whose result can
// change between two calls with the same arguments (rule 6).
func (s *Session) Bind(ctx context.Context, columns []column.Field, expr string, consistentOnly bool) (column.Type, error) {
	if err := s.checkExpression(ctx, columns, expr, consistentOnly); err != nil {
		return column.Type{}, err
	}
	nulls := make([]string, len(columns))
	for i, c := range columns {
		nulls[i] = fmt.Sprintf("NULL::%s AS %s", c.Type.SQL(), column.QuoteIdentifier(c.Name))
	}
	// In WHERE neither aggregates nor window functions are allowed, so none can hide in an expression.
	sql := fmt.Sprintf("SELECT (%s\n) FROM (SELECT %s) WHERE (%s\n) IS NULL", expr, strings.Join(nulls, ", "), expr)
	var stmt duckdb.PreparedStatement
	defer duckdb.DestroyPrepare(&stmt)
	if duckdb.Prepare(s.conn, sql, &stmt) != duckdb.StateSuccess {
		return column.Type{}, errors.New(firstLine(duckdb.PrepareError(stmt)))
	}
	if duckdb.NParams(stmt) > 0 {
		return column.Type{}, errors.New("parameters are not allowed in an expression")
	}
	logical := duckdb.PreparedStatementColumnLogicalType(stmt, 0)
	defer duckdb.DestroyLogicalType(&logical)
	return typeOf(logical)
}

// checkExpression walks the parsed expression and refuses what binding alone would let pass.
func (s *Session) checkExpression(ctx context.Context, columns []column.Field, expr string, consistentOnly bool) error {
	tree, err := s.parse(ctx, expr)
	if err != nil {
		return err
	}
	for _, node := range tree {
		switch node.class {
		case "SUBQUERY":
			return errors.New("a subquery is not allowed in an expression")
		case "COLUMN_REF":
			if !slices.ContainsFunc(columns, func(c column.Field) bool { return strings.EqualFold(c.Name, node.name) }) {
				return fmt.Errorf("unknown column %q; there are %s", node.name, names(columns))
			}
		case "FUNCTION":
			if !consistentOnly {
				continue
			}
			if err := s.checkConsistent(ctx, node.name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Session) checkConsistent(ctx context.Context, function string) error {
	names, err := s.inconsistent(ctx)
	if err == nil && names[strings.ToLower(function)] {
		return fmt.Errorf("function %s() is refused: its result can change from call to call", function)
	}
	return err
}

// unstable is the functions that DuckDB does not call CONSISTENT. Listing them takes longer than binding does, so a
// process asks once.
var unstable struct {
	sync.Mutex
	names map[string]bool
}

func (s *Session) inconsistent(ctx context.Context) (map[string]bool, error) {
	unstable.Lock()
	defer unstable.Unlock()
	if unstable.names != nil {
		return unstable.names, nil
	}
	names := map[string]bool{}
	sql := "SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE stability <> 'CONSISTENT'"
	err := s.Query(ctx, sql, func(rows []column.Vector) error {
		for i := range rows[0].Len() {
			names[string(rows[0].Text(i))] = true
		}
		return nil
	})
	if err == nil {
		unstable.names = names
	}
	return names, err
}

type exprNode struct{ class, name string }

// parse lists the nodes of an expression's parse tree, as DuckDB itself serialises it.
func (s *Session) parse(ctx context.Context, expr string) ([]exprNode, error) {
	var text string
	err := s.Query(ctx, "SELECT json_serialize_sql("+Literal("SELECT ("+expr+"\n)")+")::VARCHAR", func(rows []column.Vector) error {
		text = string(rows[0].Text(0))
		return nil
	})
	if err != nil {
		return nil, errors.New(firstLine(err.Error()))
	}
	var parsed struct {
		Error      bool   `json:"error"`
		Message    string `json:"error_message"`
		Statements []struct {
			Node struct {
				Select []any `json:"select_list"`
				From   struct {
					Type string `json:"type"`
				} `json:"from_table"`
			} `json:"node"`
		} `json:"statements"`
	}
	if err := json.Unmarshal([]byte(text), &parsed); err != nil {
		return nil, fmt.Errorf("read parse tree: %w", err)
	}
	if parsed.Error {
		return nil, errors.New(firstLine(parsed.Message))
	}
	if len(parsed.Statements) != 1 || len(parsed.Statements[0].Node.Select) != 1 || parsed.Statements[0].Node.From.Type != "EMPTY" {
		return nil, errors.New("not one SQL expression")
	}
	var nodes []exprNode
	walk(parsed.Statements[0].Node.Select[0], &nodes)
	return nodes, nil
}

func walk(value any, nodes *[]exprNode) {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			walk(item, nodes)
		}
	case map[string]any:
		if class, ok := v["class"].(string); ok {
			*nodes = append(*nodes, exprNode{class: class, name: nodeName(v)})
		}
		for _, item := range v {
			walk(item, nodes)
		}
	}
}

func nodeName(node map[string]any) string {
	if name, ok := node["function_name"].(string); ok {
		return name
	}
	if parts, ok := node["column_names"].([]any); ok && len(parts) > 0 {
		name, _ := parts[len(parts)-1].(string)
		return name
	}
	return ""
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
