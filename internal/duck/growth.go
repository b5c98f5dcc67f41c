// Bounds the size of constant SQL expressions before anything evaluates them.

package duck

import (
	"encoding/json"
	"fmt"
	"strings"
)

const (
	maxRepeat   = 1000     // repetitions in repeat, lpad and rpad
	maxRange    = 100_000  // either end of range and generate_series
	maxConstant = 16 << 20 // bytes of a value made of literals only, an upper estimate
	maxEstimate = 1 << 31  // upper limit of estimates; the product of two fits an int64
)

func boundedProduct(a, b int64) int64 { return min(a*b, maxEstimate) }

// tooLarge returns why the constant parts of an expression may be too large to compute, or "". DuckDB computes them when it binds,
// outside of any memory limit.
func tooLarge(tree any) string {
	g := growth{parameters: lambdaParameters(tree)}
	g.size(tree)
	return g.reason
}

// growth estimates the sizes of constant values.
type growth struct {
	parameters map[string]bool // of lambdas: constant if the argument is
	asked      bool            // in a statement of a person, see tooLargeToAsk
	reason     string
}

// tooLargeToAsk is tooLarge for a statement that is executed once for a person. It also may contain series of times with constant steps,
// and constants of any functions that do not repeat their arguments. What follows FROM makes rows one after another, of any number.
func tooLargeToAsk(tree any) string {
	g := growth{parameters: lambdaParameters(tree), asked: true}
	for node := range nodes(tree) {
		if name := strings.ToLower(text(object(node["function"])["function_name"])); node["type"] == "TABLE_FUNCTION" && seriesFunctions[name] {
			node["function"] = object(node["function"])["children"]
		}
	}
	g.size(tree)
	return g.reason
}

// seriesFunctions make a list, or rows, of all numbers or times between two.
var seriesFunctions = set("range generate_series")

// lambdaParameters returns the names of lambdas' parameters.
func lambdaParameters(tree any) map[string]bool {
	found := map[string]bool{}
	for node := range nodes(tree) {
		if node["class"] != "LAMBDA" {
			continue
		}
		for column := range nodes(node["lhs"]) {
			if column["class"] == "COLUMN_REF" {
				found[firstName(column)] = true
			}
		}
	}
	return found
}

// additive are functions whose results are about as large as all of their arguments together.
var additive = set("+ - * / // % || concat concat_ws list_value list_pack struct_pack row coalesce greatest least list_concat map")

// multiplying are the functions whose results may be as large as their arguments multiplied.
var multiplying = set(`replace regexp_replace translate repeat lpad rpad array_to_string list_string_agg list_transform list_apply
	array_transform array_apply apply list_reduce array_reduce reduce range generate_series`)

// isAdditive reports whether the result of a function is about as large as all of its arguments together.
func (g *growth) isAdditive(name string) bool {
	if g.asked {
		return !multiplying[name]
	}
	return additive[name]
}

// size returns an upper estimate of a value's bytes, and whether it is made of literals only.
func (g *growth) size(value any) (bytes int64, constant bool) {
	node := object(value)
	class := node["class"]
	switch class {
	case "CONSTANT":
		digits, _ := literal(node)
		return int64(1 + len(digits)), true
	case "COLUMN_REF":
		return 1, g.parameters[firstName(node)]
	}
	product := int64(8)
	bytes, constant = 0, class != "SUBQUERY" && class != "STAR"
	for _, part := range parts(value) {
		n, fixed := g.size(part)
		bytes, product, constant = min(bytes+n, maxEstimate), boundedProduct(product, max(n, 1)), constant && fixed
	}
	switch name := strings.ToLower(text(node["function_name"])); {
	case class == "CAST":
		bytes = boundedProduct(bytes, 4)
	case class == "FUNCTION" && !g.isAdditive(name): // at most its arguments multiplied, as by replace or a lambda
		bytes = max(product, g.repeatedSize(name, list(node["children"]), bytes))
	}
	if constant && bytes > maxConstant {
		g.refuse("a constant in it may become too large to be computed: write it shorter")
	}
	return bytes, constant
}

// parts returns the values within a node; lists are flattened by one level.
func parts(value any) (all []any) {
	for _, item := range childValues(value) {
		if items, ok := item.([]any); ok {
			all = append(all, items...)
			continue
		}
		all = append(all, item)
	}
	return all
}

// repeatedSize is the size of the result of a function that repeats something. The number of repetitions has to be a literal.
func (g *growth) repeatedSize(name string, arguments []any, size int64) int64 {
	switch {
	case (name == "repeat" || name == "lpad" || name == "rpad") && len(arguments) > 1:
		n, ok := integer(arguments[1])
		if !ok || n > maxRepeat {
			g.refuse(fmt.Sprintf("%s() takes a number literal up to %d: longer texts could take all memory", name, maxRepeat))
		}
		if name == "repeat" && object(arguments[0])["class"] != "CONSTANT" {
			g.refuse("repeat() takes a text literal: another text could take all memory")
		}
		return boundedProduct(min(max(n, 0), maxEstimate), size)
	case seriesFunctions[name] && g.asked && len(arguments) == 3 && isTimeStep(arguments[2]):
		return 1
	case seriesFunctions[name]:
		most := int64(0)
		for _, argument := range arguments {
			n, ok := integer(argument)
			if !ok || n > maxRange || n < -maxRange {
				g.refuse(fmt.Sprintf("%s() takes integer literals between -%d and %d: longer lists could take all memory", name, maxRange, maxRange))
			}
			most = max(most, n, -n)
		}
		return boundedProduct(16, min(most, maxEstimate))
	}
	return 0
}

// isTimeStep reports whether a value is a constant interval of at least an hour: the times that there are make no large list then.
func isTimeStep(value any) bool {
	node := object(value)
	if !timeSteps[text(node["function_name"])] {
		return false
	}
	_, constant := (&growth{}).size(node)
	return constant
}

var timeSteps = set("to_hours to_days to_weeks to_months to_quarters to_years")

func (g *growth) refuse(reason string) {
	if g.reason == "" {
		g.reason = reason
	}
}

// integer returns the value of an integer literal, which may have a sign.
func integer(value any) (n int64, ok bool) {
	node := object(value)
	if arguments := list(node["children"]); node["function_name"] == "-" && len(arguments) == 1 {
		n, ok = integer(arguments[0])
		return -n, ok
	}
	digits, number := literal(node)
	if node["class"] != "CONSTANT" || !number {
		return 0, false
	}
	n, err := json.Number(digits).Int64()
	return n, err == nil
}

// literal returns the text of a CONSTANT, and whether it is a number.
func literal(node map[string]any) (digits string, number bool) {
	switch v := object(node["value"])["value"].(type) {
	case string:
		return v, false
	case json.Number:
		return v.String(), true
	}
	return "", false
}
