// Rejects what a SELECT of an SQL file must not contain.

package duck

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"bursar/internal/column"
)

// rowFunctions are the table functions that compute rows from their arguments only.
var rowFunctions = []string{"unnest", "range", "generate_series"}

// sessionWords are function calls without parentheses, unless a column has the name.
var sessionWords = set("current_catalog current_role current_schema current_user session_user user")

// selectCheck walks the tree of a SELECT.
type selectCheck struct {
	sql    string
	tables map[string][]column.Field
	known  map[string]bool // tables, and the names defined by WITH
}

// checkSelect rejects what binding alone would accept.
func checkSelect(tree selectTree, tables map[string][]column.Field, sql string) error {
	c := selectCheck{sql: sql, tables: tables, known: map[string]bool{}}
	for name := range tables {
		c.known[name] = true
	}
	c.collect(map[string]any(tree))
	if err := c.walk(map[string]any(tree)); err != nil {
		return err
	}
	if reason := tooLarge(map[string]any(tree)); reason != "" {
		return &SelectError{Message: reason, At: 1}
	}
	return nil
}

// collect records the names that WITH defines.
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
			line, _ := lineWithin(v, c.sql)
			return &SelectError{Message: reason, At: max(line, 1)}
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if err := c.walk(v[key]); err != nil {
				return err
			}
		}
	}
	return nil
}

// refusal returns why a node is rejected, or "".
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
	name, _ := node["table_name"].(string)
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
	parts, _ := node["column_names"].([]any)
	if len(parts) != 1 {
		return ""
	}
	name, _ := parts[0].(string)
	if word := strings.ToLower(name); !clockWords[word] && !sessionWords[word] {
		return ""
	}
	for _, columns := range c.tables {
		if hasColumn(columns, name) {
			return ""
		}
	}
	return fmt.Sprintf("%s is refused: it changes from call to call", name)
}
