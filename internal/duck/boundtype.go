// Types in a bound plan, and the literals and casts that they decide about.

package duck

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"bursar/internal/column"
)

// boundType is a type as serialized by DuckDB.
type boundType struct {
	id           string
	width, scale int
	json         bool
	name         string      // of a struct's item
	items        []boundType // of a list or struct
}

func (t boundType) String() string {
	switch {
	case t.json:
		return "JSON"
	case t.id == "LIST" && len(t.items) == 1:
		return t.items[0].String() + "[]"
	case t.id == "DECIMAL":
		return fmt.Sprintf("DECIMAL(%d,%d)", t.width, t.scale)
	}
	return t.id
}

func typeOfNode(node map[string]any) boundType {
	t, ok := node["return_type"].(map[string]any)
	if !ok {
		t = object(object(node["value"])["type"])
	}
	return readType(t)
}

func readType(t map[string]any) boundType {
	info := object(t["type_info"])
	read := boundType{id: text(t["id"]), width: number(info["width"]), scale: number(info["scale"]), json: info["alias"] == "JSON"}
	if child, ok := info["child_type"].(map[string]any); ok {
		read.items = []boundType{readType(child)}
	}
	for _, item := range list(info["child_types"]) {
		field := object(item)
		if child, ok := field["second"].(map[string]any); ok {
			item := readType(child)
			item.name = text(field["first"])
			read.items = append(read.items, item)
		}
	}
	return read
}

func number(value any) int {
	digits, _ := value.(json.Number)
	n, _ := digits.Int64() // 0 if it is not a number
	return int(n)
}

// wholeDigits is the number of digits before the decimal mark that fit every whole type.
var wholeDigits = map[string]int{
	"TINYINT": 2, "UTINYINT": 2, "SMALLINT": 4, "USMALLINT": 4, "INTEGER": 9, "UINTEGER": 9, "BIGINT": 18, "UBIGINT": 19, "HUGEINT": 38,
	"UHUGEINT": 38, "BIGNUM": 38,
}

func (t boundType) isNumber() bool { return t.id == "DECIMAL" || wholeDigits[t.id] > 0 }

func (t boundType) isJSON() bool { return t.json }

// hasDecimals reports whether values of the type may have decimals.
func (t boundType) hasDecimals() bool { return t.id == "DECIMAL" && t.scale > 0 }

// digits is the number of digits before the decimal mark of the largest value.
func (t boundType) digits() int {
	if t.id == "DECIMAL" {
		return t.width - t.scale
	}
	return wholeDigits[t.id] + 1
}

// mayFail returns why a cast from one type to another may fail for some values, or "". The widest decimals are not checked: an
// overflow of 38 digits does not depend on how the cast is written, and DuckDB itself casts to them.
func mayFail(from, to boundType) string {
	switch {
	case from.id == "VARCHAR" && (to.id != "VARCHAR" || to.json && !from.json):
		return "not every text is one"
	case wholeDigits[to.id] > 0 && from.isNumber() && from.id != to.id && from.digits() > wholeDigits[to.id],
		to.id == "DECIMAL" && to.width < 38 && from.isNumber() && from.digitsAfterRounding(to.scale) > to.digits():
		return "not every number fits"
	}
	for _, pair := range castPairs(from, to) {
		if why := mayFail(pair[0], pair[1]); why != "" {
			return why
		}
	}
	return ""
}

// parsesText reports whether a cast parses a text as a number or a time. DuckDB rounds there, drops zones and eras, and accepts
// forms that are not exact.
func parsesText(from, to boundType) bool {
	if from.id == "VARCHAR" && to.anyType(boundType.isMeasure) {
		return true
	}
	return slices.ContainsFunc(castPairs(from, to), func(pair [2]boundType) bool { return parsesText(pair[0], pair[1]) })
}

func (t boundType) isMeasure() bool {
	return t.isNumber() || t.id == "DATE" || strings.HasPrefix(t.id, "TIME") || t.id == "INTERVAL"
}

// wholeNumber matches patterns that match only texts that are whole numbers.
var wholeNumber = regexp.MustCompile(`^\^(?:-|\[-\+\]|\[\+-\])?\??(?:\[0-9\]|\\d)(?:\+|\*|\{[0-9]+(?:,[0-9]*)?\})?\$$`)

// isWholeNumber reports whether a text is a whole number or empty: the result of regexp_extract with such a pattern.
func isWholeNumber(node map[string]any) bool {
	arguments := list(node["children"])
	if node["name"] != "regexp_extract" || len(arguments) != 2 {
		return false
	}
	pattern := object(object(arguments[1])["value"])
	return wholeNumber.MatchString(text(pattern["value"]))
}

// digitsAfterRounding is the number of digits before the decimal mark of the largest value, rounded to the given decimals.
func (t boundType) digitsAfterRounding(scale int) int {
	if t.id == "DECIMAL" && t.scale > scale {
		return t.digits() + 1
	}
	return t.digits()
}

// castPairs returns the pairs of item types that a cast of two nested types converts: items of structs are matched by name.
func castPairs(from, to boundType) (list [][2]boundType) {
	if len(from.items) != len(to.items) {
		return nil
	}
	for i, item := range from.items {
		at := slices.IndexFunc(to.items, func(t boundType) bool { return item.name != "" && strings.EqualFold(t.name, item.name) })
		if at < 0 {
			at = i
		}
		list = append(list, [2]boundType{item, to.items[at]})
	}
	return list
}

// anyType reports whether the type, or a type within it, satisfies the condition.
func (t boundType) anyType(is func(boundType) bool) bool {
	return is(t) || slices.ContainsFunc(t.items, func(item boundType) bool { return item.anyType(is) })
}

var (
	plainNumber = regexp.MustCompile(`^[-+]?[0-9]+(?:\.([0-9]*?)0*)?$`)
	plainDate   = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
	plainMoment = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|\+00(?::?00)?)?)?$`)
)

// refusedLiteral returns why a text literal is not exactly a value of the type that it is used as, or "".
func (s *Session) refusedLiteral(ctx context.Context, l typedLiteral) (string, error) {
	text := strings.TrimSpace(l.text)
	switch parts := plainNumber.FindStringSubmatch(text); {
	case l.t.isNumber() && parts == nil:
		return fmt.Sprintf("%s is not a valid %s: write a number without quotes", Literal(l.text), l.t), nil
	case l.t.isNumber() && len(parts[1]) > l.t.scale:
		return fmt.Sprintf("%s has more decimals than %s and would be rounded: write the number without quotes, which is compared exactly, "+
			"or with %d decimals", Literal(l.text), l.t, l.t.scale), nil
	case l.t.id == "DATE" && !plainDate.MatchString(text):
		return fmt.Sprintf("%s is not a valid DATE: write it as '2024-01-31'", Literal(l.text)), nil
	case strings.HasPrefix(l.t.id, "TIMESTAMP") && !plainMoment.MatchString(text):
		return fmt.Sprintf("%s is not a valid %s: write it in UTC as '2024-01-31 23:59:59.000001'", Literal(l.text), l.t), nil
	case l.t.id == "BOOLEAN" && (text == "t" || text == "f"): // how DuckDB writes true and false
		return "", nil
	case l.t.id == "LIST", l.t.id == "STRUCT", l.t.id == "MAP", l.t.id == "ARRAY", l.t.id == "UNION", l.t.id == "ENUM":
		return fmt.Sprintf("the text %s is used as a %s: write it as one", Literal(l.text), strings.ToLower(l.t.id)), nil
	}
	valid := false
	sql := fmt.Sprintf("SELECT TRY_CAST(%s AS %s) IS NOT NULL", Literal(l.text), l.t)
	err := s.QueryEstimated(ctx, 1, sql, func(rows []column.Vector) error {
		valid = rows[0].Ints[0] != 0
		return nil
	})
	if err != nil || valid {
		return "", err
	}
	return fmt.Sprintf("%s is not a valid %s", Literal(l.text), l.t), nil
}
