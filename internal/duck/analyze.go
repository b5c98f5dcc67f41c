// Analyzes what an expression uses and compares, from its parse tree.

package duck

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/column"
)

// Analyze returns the columns that an expression's value depends on, and its comparisons of columns with constants.
func (s *Session) Analyze(ctx context.Context, expr string) (column.Analysis, error) {
	return cached(ctx, s, cacheKey("reading", expr), nil, func(ctx context.Context, b *Session) (column.Analysis, error) {
		c := exprAnalyzer{}
		tree, err := b.parseExpression(ctx, expr)
		if err == nil {
			c.walk(tree, true, false)
		}
		return c.Analysis, err
	})
}

type exprAnalyzer struct{ column.Analysis }

// walk analyzes a node. always: the whole expression is true only if the node is. compared: the node is only compared, it is not part of
// the expression's value.
func (c *exprAnalyzer) walk(value any, always, compared bool) {
	node, ok := value.(map[string]any)
	if !ok {
		for _, item := range childValues(value) {
			c.walk(item, always, compared)
		}
		return
	}
	kind := text(node["type"])
	switch class := node["class"]; {
	case class == "COLUMN_REF":
		if !compared {
			c.Columns = append(c.Columns, loneColumn(node))
		}
		return
	case kind == "CONJUNCTION_AND":
	case class == "CASE":
		c.cases(node, compared)
		return
	default:
		condition, ok := conditionOf(node, kind)
		if ok {
			condition.Always = always
			c.Conditions = append(c.Conditions, condition)
		}
		always, compared = false, compared || ok || strings.HasPrefix(kind, "COMPARE_")
	}
	for _, item := range childValues(node) {
		c.walk(item, always, compared)
	}
}

// cases analyzes a CASE: its conditions are not part of its value.
func (c *exprAnalyzer) cases(node map[string]any, compared bool) {
	for _, item := range list(node["case_checks"]) {
		check := object(item)
		c.walk(check["when_expr"], false, true)
		c.walk(check["then_expr"], false, compared)
	}
	c.walk(node["else_expr"], false, compared)
}

// comparisonKinds are the comparisons that are analyzed: true if they hold for the constants, false if for all other values.
var comparisonKinds = map[string]bool{
	"COMPARE_EQUAL": true, "COMPARE_IN": true, "COMPARE_NOT_DISTINCT_FROM": true,
	"COMPARE_NOTEQUAL": false, "COMPARE_NOT_IN": false, "COMPARE_DISTINCT_FROM": false,
}

// conditionOf returns the condition of a node that compares a column with constants.
func conditionOf(node map[string]any, kind string) (column.Condition, bool) {
	equal, known := comparisonKinds[kind]
	operands := list(node["children"])
	switch {
	case node["class"] == "COMPARISON":
		operands = []any{node["left"], node["right"]}
		if loneColumn(node["left"]) == "" {
			slices.Reverse(operands)
		}
	case node["class"] == "FUNCTION" && len(operands) == 2: // x IN [list]
		name, values := node["function_name"], object(operands[0])
		if name != "contains" && name != "list_contains" || values["function_name"] != "list_value" {
			return column.Condition{}, false
		}
		operands, equal, known = append([]any{operands[1]}, list(values["children"])...), true, true
	}
	if !known || len(operands) < 2 || loneColumn(operands[0]) == "" {
		return column.Condition{}, false
	}
	c := column.Condition{Column: loneColumn(operands[0]), Equal: equal, Texts: true}
	nulls := 0
	for _, operand := range operands[1:] {
		value, isText, isNull, ok := constantOf(operand)
		if !ok {
			return c, false
		}
		if isNull {
			nulls++
			continue
		}
		c.Values, c.Texts = append(c.Values, value), c.Texts && isText
	}
	c.Null = nulls > 0 && !strings.HasSuffix(kind, "DISTINCT_FROM") && (!equal || len(c.Values) == 0)
	return c, true
}

// loneColumn returns the name of a node that is just a column, or "".
func loneColumn(value any) string {
	if node := object(value); node["class"] == "COLUMN_REF" {
		return lastName(node)
	}
	return ""
}

// constantOf returns the text of a literal, which may be cast.
func constantOf(value any) (literal string, isText, isNull, ok bool) {
	node := object(value)
	switch node["class"] {
	case "CAST":
		literal, isText, isNull, ok = constantOf(node["child"])
		return literal, isText && object(node["cast_type"])["id"] == "VARCHAR", isNull, ok
	case "CONSTANT":
		constant := object(node["value"])
		if constant["is_null"] == true {
			return "", false, true, true
		}
		return fmt.Sprint(constant["value"]), object(constant["type"])["id"] == "VARCHAR", false, true
	}
	return "", false, false, false
}
