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
	for node := range nodes(tree) {
		if reason := c.refusal(node); reason != "" {
			return &SelectError{Message: reason, At: lineWithin(node, sql)}
		}
	}
	if reason := tooLarge(tree); reason != "" {
		return &SelectError{Message: reason, At: 1}
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
