package duck

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"bursar/internal/column"
)

// rowFunctions are the table functions that make rows of their arguments alone.
var rowFunctions = []string{"unnest", "range", "generate_series"}

// valueNames are words that stand for function calls, unless a column has the name.
var valueNames = []string{
	"current_catalog", "current_date", "current_role", "current_schema", "current_time", "current_timestamp",
	"current_user", "localtime", "localtimestamp", "session_user", "user",
}

// selectCheck walks the tree of a SELECT.
type selectCheck struct {
	sql      string
	tables   map[string][]column.Field
	known    map[string]bool // tables, and what WITH names
	unstable map[string]bool
}

// checkSelect refuses what binding alone would let pass.
func (s *Session) checkSelect(ctx context.Context, tree selectTree, tables map[string][]column.Field, sql string) error {
	c := selectCheck{sql: sql, tables: tables, known: map[string]bool{}}
	for name := range tables {
		c.known[name] = true
	}
	var err error
	if c.unstable, err = s.inconsistent(ctx); err != nil {
		return err
	}
	c.collect(map[string]any(tree))
	return c.walk(map[string]any(tree))
}

// collect finds the names that WITH gives.
func (c *selectCheck) collect(value any) {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			c.collect(item)
		}
	case map[string]any:
		if with, ok := v["cte_map"].(map[string]any); ok {
			entries, _ := with["map"].([]any)
			for _, e := range entries {
				if entry, ok := e.(map[string]any); ok {
					name, _ := entry["key"].(string)
					c.known[strings.ToLower(name)] = true
				}
			}
		}
		for _, item := range v {
			c.collect(item)
		}
	}
}

func (c *selectCheck) walk(value any) error {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			if err := c.walk(item); err != nil {
				return err
			}
		}
	case map[string]any:
		if reason := c.refusal(v); reason != "" {
			return &SelectError{Message: reason, At: nodeLine(v, c.sql)}
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if err := c.walk(v[key]); err != nil {
				return err
			}
		}
	}
	return nil
}

// refusal says why a node is refused, or nothing.
func (c *selectCheck) refusal(node map[string]any) string {
	if node["sample"] != nil {
		return "a sample is refused: it takes other rows each time"
	}
	kind, _ := node["type"].(string)
	class, _ := node["class"].(string)
	switch {
	case kind == "BASE_TABLE":
		return c.table(node)
	case kind == "TABLE_FUNCTION":
		function, _ := node["function"].(map[string]any)
		if name, _ := function["function_name"].(string); !slices.Contains(rowFunctions, strings.ToLower(name)) {
			return fmt.Sprintf("table function %s() is refused: only %s can be read", name, c.names())
		}
	case kind == "SHOW_REF", kind == "PIVOT" && class == "":
		return "only a plain SELECT is allowed"
	case class == "FUNCTION", class == "WINDOW":
		name, _ := node["function_name"].(string)
		if c.unstable[strings.ToLower(name)] {
			return fmt.Sprintf("function %s() is refused: its result can change from call to call", name)
		}
	case class == "COLUMN_REF":
		return c.column(node)
	}
	return ""
}

// table refuses all but the given tables: a file is a table to DuckDB, and so is what its catalog tells.
func (c *selectCheck) table(node map[string]any) string {
	name, _ := node["table_name"].(string)
	if node["schema_name"] == "" && node["catalog_name"] == "" && c.known[strings.ToLower(name)] {
		return ""
	}
	return fmt.Sprintf("table %q is refused: only %s can be read", name, c.names())
}

func (c *selectCheck) names() string {
	return strings.Join(slices.Sorted(maps.Keys(c.tables)), " and ")
}

// column refuses words such as current_date where no column has the name.
func (c *selectCheck) column(node map[string]any) string {
	parts, _ := node["column_names"].([]any)
	if len(parts) != 1 {
		return ""
	}
	name, _ := parts[0].(string)
	if !slices.Contains(valueNames, strings.ToLower(name)) {
		return ""
	}
	for _, columns := range c.tables {
		if slices.ContainsFunc(columns, func(f column.Field) bool { return strings.EqualFold(f.Name, name) }) {
			return ""
		}
	}
	return fmt.Sprintf("%s is refused: it changes from call to call", name)
}
