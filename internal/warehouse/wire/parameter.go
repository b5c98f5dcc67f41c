// Parameters: their types, and their values as literals. A statement of a person is checked with its values, because limits of functions are
// about values.

package wire

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"

	"bursar/internal/duck"
)

// maxParameters is the most parameters of a statement.
const maxParameters = 10_000

// parametersOf returns the tokens that are parameters, and the greatest of their numbers.
func parametersOf(tokens []token) (found []token, count int, err error) {
	for _, t := range tokens {
		if t.kind != parameter {
			continue
		}
		n, err := strconv.Atoi(t.text[1:])
		if err != nil || n < 1 || n > maxParameters {
			return nil, 0, refuse(codeSyntax, "there is no parameter %s: they are $1 to $%d", t.text, maxParameters)
		}
		found, count = append(found, t), max(count, n)
	}
	return found, count, nil
}

// substitute puts texts in the place of parameters.
func substitute(sql string, parameters []token, texts []string) string {
	edits := make([]edit, len(parameters))
	for i, p := range parameters {
		n, _ := strconv.Atoi(p.text[1:]) // as parametersOf has checked
		edits[i] = edit{p.at, p.end(), " " + texts[n-1] + " "}
	}
	return apply(sql, edits)
}

// listParameter returns the number of the parameter that is the list of `= ANY ($1)` at a token; 0 if it is none.
func listParameter(tokens []token, i int) int {
	if i+3 >= len(tokens) || !tokens[i].is("any") && !tokens[i].is("some") && !tokens[i].is("all") || !tokens[i+1].is("(") || tokens[i+2].kind != parameter || !tokens[i+3].is(")") {
		return 0
	}
	n, _ := strconv.Atoi(tokens[i+2].text[1:]) // as parametersOf has checked
	return n
}

// listParameters returns which parameters are the list of `= ANY ($1)`, and the statement with single values in their places: DuckDB infers the
// types of values, but not those of lists.
func listParameters(sql string, tokens []token) (lists map[int]bool, single string) {
	lists = map[int]bool{}
	var edits []edit
	for i, t := range tokens {
		if n := listParameter(tokens, i); n > 0 {
			lists[n] = true
			edits = append(edits, edit{t.at, tokens[i+3].end(), tokens[i+2].text})
		}
	}
	return lists, apply(sql, edits)
}

// nullOf returns a null of a type.
func nullOf(oid uint32) string {
	if sql, ok := sqlTypes[oid]; ok {
		return "CAST(NULL AS " + sql + ")"
	}
	return "NULL"
}

// value is the value of a parameter as a client sends it.
type value struct {
	oid    uint32
	format int16
	bytes  []byte // nil: null
}

// literal returns the value as SQL.
func (v value) literal(types *pgtype.Map) (string, error) {
	if v.bytes == nil {
		return nullOf(v.oid), nil
	}
	text := string(v.bytes)
	if v.format == pgproto3.BinaryFormat {
		var err error
		if text, err = textOf(types, v.oid, v.bytes); err != nil {
			return "", &sqlError{code: codeInvalidBinary, message: fmt.Sprintf("a parameter of type %s is not valid: %v", typeName(types, v.oid), err)}
		}
	}
	if element := elements[v.oid]; element != 0 {
		return listLiteral(types, v.oid, element, text)
	}
	return scalarLiteral(v.oid, text)
}

// textOf converts a value from the binary format to the text format.
func textOf(types *pgtype.Map, oid uint32, bytes []byte) (string, error) {
	t, ok := types.TypeForOID(oid)
	if !ok {
		return "", fmt.Errorf("values of type %d are accepted as text only", oid)
	}
	decoded, err := t.Codec.DecodeValue(types, oid, pgproto3.BinaryFormat, bytes)
	if err != nil {
		return "", err
	}
	text, err := types.Encode(oid, pgproto3.TextFormat, decoded, nil)
	return string(text), err
}

func typeName(types *pgtype.Map, oid uint32) string {
	if t, ok := types.TypeForOID(oid); ok {
		return t.Name
	}
	return fmt.Sprint(oid)
}

// exact matches the numbers that are written as they are.
var exact = regexp.MustCompile(`^[-+]?(?:[0-9]{1,38}(?:\.[0-9]{0,38})?|\.[0-9]{1,38})$`)

func scalarLiteral(oid uint32, text string) (string, error) {
	trimmed := strings.TrimSpace(text)
	sql := sqlTypes[oid]
	switch oid {
	case pgtype.NumericOID:
		if !exact.MatchString(trimmed) {
			return "", invalidValue("numeric", text)
		}
		return "(" + trimmed + ")", nil
	case pgtype.BoolOID:
		switch strings.ToLower(trimmed) {
		case "t", "true", "y", "yes", "on", "1":
			return "true", nil
		case "f", "false", "n", "no", "off", "0":
			return "false", nil
		}
		return "", invalidValue("boolean", text)
	case pgtype.Float4OID, pgtype.Float8OID:
		trimmed = strings.Replace(strings.ToLower(trimmed), "infinity", "inf", 1)
		if _, err := strconv.ParseFloat(trimmed, 64); err != nil {
			return "", invalidValue("double precision", text)
		}
		return "CAST(" + duck.Literal(trimmed) + " AS " + sql + ")", nil
	case pgtype.ByteaOID:
		digits, isHex := strings.CutPrefix(text, `\x`)
		if !isHex {
			return "", invalidValue("bytea", text)
		}
		return "from_hex(" + duck.Literal(digits) + ")", nil
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.OIDOID:
		if _, err := strconv.ParseInt(trimmed, 10, 64); err != nil {
			return "", invalidValue("integer", text)
		}
		return "CAST(" + trimmed + " AS " + sql + ")", nil
	}
	if sql == "" || sql == "VARCHAR" {
		return duck.Literal(text), nil
	}
	return "CAST(" + duck.Literal(trimmed) + " AS " + sql + ")", nil
}

func invalidValue(kind, text string) error {
	return &sqlError{code: codeInvalidText, message: fmt.Sprintf("invalid input syntax for type %s: %q", kind, brief(text))}
}

// brief cuts a long text.
func brief(text string) string {
	const most = 60
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// listLiteral returns the array that a text stands for as a list.
func listLiteral(types *pgtype.Map, oid, element uint32, text string) (string, error) {
	var items pgtype.FlatArray[*string]
	if err := types.Scan(pgtype.TextArrayOID, pgtype.TextFormatCode, []byte(text), &items); err != nil {
		return "", invalidValue("array", text)
	}
	literals := make([]string, len(items))
	known := 0
	for i, item := range items {
		literals[i] = "NULL"
		if item == nil {
			continue
		}
		known++
		var err error
		if literals[i], err = scalarLiteral(element, *item); err != nil {
			return "", err
		}
	}
	list := "[" + strings.Join(literals, ", ") + "]"
	if element == pgtype.NumericOID && known > 0 {
		return list, nil // with all digits
	}
	return "CAST(" + list + " AS " + sqlTypes[oid] + ")", nil
}
