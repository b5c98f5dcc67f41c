// Rejects binary floating point, inexact literals and casts that may fail in bound SQL.

package duck

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bursar/internal/column"
)

// boundCheck walks a bound plan, which contains the type of every expression, implicit casts, and the bodies of macros, views and
// lambdas.
type boundCheck struct {
	when         column.Evaluation
	file         bool // an SQL file: its casts may fail
	tables       map[string][]column.Field
	sql          string
	writtenCasts map[string]bool // positions of explicit casts
	literals     []typedLiteral
}

// typedLiteral is a text literal that is used as another type.
type typedLiteral struct {
	text  string
	t     boundType
	place any
}

const inexact = "binary floating point is refused, as it is not exact"

// exactForms is the advice that goes with a rejection of binary floating point.
const exactForms = "multiply by a decimal literal (x * 0.01), divide whole numbers with //, round decimals with round(x, 2), " +
	"and write 0.015 rather than 0.015e0"

// decimalsInJSON explains why JSON must not contain decimals.
const decimalsInJSON = "as numbers within JSON are read as binary floating point: cast them to VARCHAR first, which keeps each as a text"

// castAdvice lists the ways to parse texts exactly.
const castAdvice = "declare a column of the type in the stream, read times with try_strptime(x, '%Y-%m-%d'), " +
	"and cast whole numbers from regexp_extract(x, '^-?[0-9]+$')"

func (s *Session) checkBound(ctx context.Context, sql string, c boundCheck) error {
	plans, err := s.boundPlan(ctx, sql)
	if err != nil {
		return err
	}
	tree, err := s.parseSelect(ctx, sql)
	if err != nil {
		return err
	}
	c.sql, c.writtenCasts = sql, map[string]bool{}
	for node := range nodes(tree) {
		if node["class"] == "CAST" {
			c.writtenCasts[fmt.Sprint(node["query_location"])] = true
		}
	}
	if err := c.walk(plans); err != nil {
		return err
	}
	for _, l := range c.literals {
		if reason, err := s.refusedLiteral(ctx, l); reason != "" || err != nil {
			return errors.Join(err, c.fail(l.place, "%s", reason))
		}
	}
	return nil
}

// boundPlan is the plan of a SELECT before optimization, as serialized by DuckDB.
func (s *Session) boundPlan(ctx context.Context, sql string) (any, error) {
	var answer struct {
		Error   bool   `json:"error"`
		Message string `json:"error_message"`
		Plans   any    `json:"plans"`
	}
	err := s.serialized(ctx, "json_serialize_plan("+Literal(sql)+", optimize := false)", &answer)
	if err == nil && answer.Error {
		err = errors.New(answer.Message)
	}
	if err != nil {
		return nil, fmt.Errorf("it cannot be checked: %s", firstLine(err.Error()))
	}
	return answer.Plans, nil
}

func (c *boundCheck) walk(value any) error {
	if node := object(value); node != nil {
		if base := wholeInterval(node); base != nil {
			return c.walk(base)
		}
		if err := c.check(node); err != nil {
			return err
		}
	}
	for _, item := range childValues(value) {
		if err := c.walk(item); err != nil {
			return err
		}
	}
	return nil
}

func (c *boundCheck) check(node map[string]any) error {
	switch name := text(node["name"]); {
	case node["type"] == "LOGICAL_GET" && !slices.Contains(rowFunctions, name):
		return c.fail(node, "table function %s() is refused: only %s can be read", name, tableNames(c.tables))
	case isInexact(node["return_type"]):
		if name != "" {
			return c.fail(node, "%s: %s() gives it; %s", inexact, name, exactForms)
		}
		return c.fail(node, "%s: %s", inexact, exactForms)
	case node["expression_class"] == "BOUND_CONSTANT":
		if isInexact(object(node["value"])["type"]) {
			return c.fail(node, "%s: %s", inexact, exactForms)
		}
	case node["expression_class"] == "BOUND_CAST":
		return c.cast(node)
	case node["expression_class"] == "BOUND_FUNCTION" && intoJSON[name]:
		return c.arguments(node, name)
	}
	return nil
}

// arguments checks the arguments of a function that writes JSON.
func (c *boundCheck) arguments(node map[string]any, name string) error {
	for _, argument := range list(node["children"]) {
		if typeOfNode(object(argument)).anyType(boundType.hasDecimals) {
			return c.fail(node, "%s() is refused on decimals, %s", name, decimalsInJSON)
		}
	}
	return nil
}

// isInexact reports whether a type is, or contains, binary floating point.
func isInexact(value any) bool {
	for node := range nodes(value) {
		if node["id"] == "DOUBLE" || node["id"] == "FLOAT" {
			return true
		}
	}
	return false
}

// wholeInterval returns the whole number that an interval is made of, or nil. DuckDB converts it to binary floating point, which
// represents every 32-bit number exactly.
func wholeInterval(node map[string]any) any {
	arguments := list(node["children"])
	if node["expression_class"] != "BOUND_FUNCTION" || object(node["return_type"])["id"] != "INTERVAL" ||
		!strings.HasPrefix(text(node["name"]), "to_") || len(arguments) != 1 {
		return nil
	}
	base := object(arguments[0])
	for base["expression_class"] == "BOUND_CAST" || base["name"] == "trunc" {
		if inside, ok := base["child"].(map[string]any); ok {
			base = inside
			continue
		}
		if arguments = list(base["children"]); len(arguments) != 1 {
			return nil
		}
		base = object(arguments[0])
	}
	if slices.Contains([]string{"TINYINT", "SMALLINT", "INTEGER"}, typeOfNode(base).id) {
		return base
	}
	return nil
}

// cast checks an explicit cast, or one that a comparison of two types implies.
func (c *boundCheck) cast(node map[string]any) error {
	child := object(node["child"])
	from, to := typeOfNode(child), typeOfNode(node)
	if child["expression_class"] == "BOUND_CONSTANT" && from.id == "VARCHAR" {
		if text, ok := object(child["value"])["value"].(string); ok && (to.id != "VARCHAR" || to.json && !from.json) {
			c.literals = append(c.literals, typedLiteral{text, to, node})
		}
		return nil
	}
	if why := c.refusedCast(node, child, from, to); why != "" {
		return c.fail(node, "%s", why)
	}
	return nil
}

// refusedCast returns why a cast of an expression other than a literal is rejected, or "".
func (c *boundCheck) refusedCast(node, child map[string]any, from, to boundType) string {
	why := mayFail(from, to)
	switch {
	case !from.json && to.anyType(boundType.isJSON) && from.anyType(boundType.hasDecimals):
		return fmt.Sprintf("a cast of %s to %s is refused, %s", from, to, decimalsInJSON)
	case from.json && to.isNumber():
		return "a number within JSON is refused, as it is read as binary floating point: " + castAdvice
	case parsesText(from, to) && !isWholeNumber(child):
		return fmt.Sprintf("a cast of text to %s is refused, as it is not exact: it rounds '1.9', takes '0x10' and '1_000', and drops zones: %s", to, castAdvice)
	case from.id == "DECIMAL" && to.id == "DECIMAL" && from.scale > to.scale && !c.isWritten(node, child):
		return fmt.Sprintf("a %s would be rounded to %s here: write that cast, round(x, %d), or a value of as few decimals", from, to, to.scale)
	case why != "" && node["try_cast"] != true && !c.file && c.when != column.AtIntake:
		return fmt.Sprintf("a cast of %s to %s is refused, as %s, and one such value would stop the pipeline: "+
			"write TRY_CAST(x AS %s), which gives null for it", from, to, why, to)
	}
	return ""
}

// isWritten reports whether a cast is explicit. An implicit cast has the position of its operand.
func (c *boundCheck) isWritten(node, child map[string]any) bool {
	return c.writtenCasts[fmt.Sprint(node["query_location"])] && node["query_location"] != child["query_location"]
}

func (c *boundCheck) fail(place any, format string, values ...any) error {
	return &SelectError{Message: fmt.Sprintf(format, values...), At: lineWithin(place, c.sql)}
}

// lineWithin returns the line of an expression, or of the first one within it that has a line, as aggregates have none; else 1.
func lineWithin(value any, sql string) int {
	for node := range nodes(value) {
		at, _ := node["query_location"].(json.Number)
		if n, err := strconv.Atoi(at.String()); err == nil && n <= len(sql) {
			return lineAt(sql, at)
		}
	}
	return 1
}
