// How statements that PostgreSQL's clients write are written for DuckDB. Only names of schemas and notations are replaced, token by token: what
// results is checked like any other statement.

package wire

import (
	"cmp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"
)

// isSchema reports whether a token is the name of a schema before a dot.
func isSchema(tokens []token, i int, name string) bool {
	return tokens[i].name() == name && i+2 < len(tokens) && tokens[i+1].is(".")
}

// databaseEdit returns the edit that removes the name of the database, as there is one only.
func databaseEdit(tokens []token, i int) (edit, bool) {
	if isSchema(tokens, i, Database) && (isSchema(tokens, i+2, "public") || isSchema(tokens, i+2, "pg_catalog") || isSchema(tokens, i+2, "information_schema")) {
		return edit{tokens[i].at, tokens[i+2].at, ""}, true
	}
	return edit{}, false
}

// forWarehouse returns a statement with DuckDB's names of the schema that clients see as public and of functions, and what was edited.
func forWarehouse(s statementText) (sql string, edits []edit) {
	for i, t := range s.tokens {
		if e, ok := databaseEdit(s.tokens, i); ok {
			edits = append(edits, e)
		}
		isQualified := i > 0 && s.tokens[i-1].is(".")
		inDatabase := isQualified && i > 1 && s.tokens[i-2].name() == Database
		if isSchema(s.tokens, i, "public") && (!isQualified || inDatabase) {
			edits = append(edits, edit{t.at, t.end(), "main"})
		}
		edits = append(edits, formatEdits(s.tokens, i)...)
	}
	slices.SortStableFunc(edits, func(a, b edit) int { return a.from - b.from })
	return apply(s.sql, edits), edits
}

// catalogWords are functions and words that are about the catalog, or about the session, beside those that begin with pg_.
var catalogWords = []string{
	"information_schema", "version", "current_schema", "current_schemas", "current_database", "current_catalog", "current_user", "session_user", "current_role", "user", "set_config",
	"current_setting", "format_type", "obj_description", "col_description", "shobj_description", "has_table_privilege", "has_schema_privilege", "has_database_privilege",
	"has_column_privilege", "has_any_column_privilege", "has_function_privilege", "to_regclass", "to_regtype", "quote_ident", "txid_current", "inet_server_addr", "inet_server_port",
	"inet_client_addr", "inet_client_port", "regclass", "regtype", "regproc", "regnamespace",
}

// aboutCatalog reports whether a statement may be about PostgreSQL's catalog.
func aboutCatalog(tokens []token) bool {
	return slices.ContainsFunc(tokens, func(t token) bool {
		name := t.name()
		return strings.HasPrefix(name, "pg_") || strings.HasPrefix(name, "_pg_") || slices.Contains(catalogWords, name)
	})
}

// namesCatalog reports whether a statement names a schema of the catalog.
func namesCatalog(tokens []token) bool {
	for i := range tokens {
		if isSchema(tokens, i, "pg_catalog") || isSchema(tokens, i, "information_schema") {
			return true
		}
	}
	return false
}

// castTypes are the types of PostgreSQL that casts in the catalog's statements name, as DuckDB knows them.
var castTypes = map[string]string{
	"regclass": "uinteger", "regproc": "text", "regprocedure": "text", "regoper": "text", "regoperator": "text", "regrole": "text", "regnamespace": "text", "regtype": "text", "regconfig": "text", "regdictionary": "text",
	"xid": "uinteger", "cid": "uinteger", "tid": "text", "int2vector": "smallint[]", "oidvector": "uinteger[]", "_text": "varchar[]", "_name": "varchar[]", "anyarray": "varchar[]", "aclitem": "varchar", "_aclitem": "varchar[]", "pg_node_tree": "varchar", "cstring": "varchar", "character_data": "varchar",
	"sql_identifier": "varchar", "cardinal_number": "integer", "yes_or_no": "varchar", "name": "varchar", "char": "varchar", "oid": "uinteger",
}

// forCatalog returns a statement for the database of the catalog.
func forCatalog(s statementText) string {
	var edits, late []edit
	add := func(from, to int, text string) {
		if len(edits) == 0 || edits[len(edits)-1].to <= from {
			edits = append(edits, edit{from, to, text})
		}
	}
	for i := 0; i < len(s.tokens); i++ {
		if isRowFunction(s.tokens, i) {
			if at, alias := aliasOf(s.tokens, closing(s.tokens, i+1)); alias != "" {
				late = append(late, edit{at, at, "(" + alias + ")"})
			}
			continue
		}
		i = catalogEdit(s, i, add)
	}
	edits = append(edits, late...)
	slices.SortStableFunc(edits, func(a, b edit) int { return a.from - b.from })
	return apply(s.sql, edits)
}

// catalogEdit adds the edit that the notation at a token needs, if any, and returns the last token of it.
func catalogEdit(s statementText, i int, add func(from, to int, text string)) int {
	tokens, t := s.tokens, s.tokens[i]
	e, namesDatabase := databaseEdit(tokens, i)
	switch {
	case namesDatabase:
		add(e.from, e.to, "")
	case t.is("operator"):
		return operatorEdit(s, i, add)
	case t.is("collate") && i+1 < len(tokens):
		end := i + 1
		for end+2 < len(tokens) && tokens[end+1].is(".") {
			end += 2
		}
		add(t.at, tokens[end].end(), "")
		return end
	case t.is("::") && i+1 < len(tokens):
		return castEdit(s, i, add)
	case t.is("cast"):
		return castCall(tokens, i, add)
	case isListOperand(tokens, i):
		add(tokens[i-1].at, t.end(), "IN list_distinct")
	case t.is("json_build_object"):
		add(t.at, t.end(), "json_object")
	case isSchema(tokens, i, "pg_catalog"):
		add(t.at, tokens[i+2].at, "")
	case isSchema(tokens, i, "information_schema"):
		add(t.at, t.end(), catalogInfo)
	case t.is("as") && i+2 < len(tokens) && isCastType(tokens, i+1) && inCast(tokens, i):
		name, end := typeAt(tokens, i+1)
		add(tokens[i+1].at, tokens[end].end(), castTypes[name])
		return end
	}
	return i
}

// operatorEdit replaces OPERATOR(schema.=) by the operator.
func operatorEdit(s statementText, i int, add func(from, to int, text string)) int {
	tokens := s.tokens
	if i+1 >= len(tokens) || !tokens[i+1].is("(") {
		return i
	}
	begin, end := i+2, closing(tokens, i+1)
	if begin < len(tokens) && isSchema(tokens, begin, "pg_catalog") {
		begin += 2
	}
	if end <= begin {
		return i
	}
	add(tokens[i].at, tokens[end].end(), " "+s.sql[tokens[begin].at:tokens[end].at]+" ")
	return end
}

// isListOperand reports whether a token is the ANY of `= ANY (list)`. DuckDB makes a subquery of it, which must not be in the condition of an outer
// join. Of a parameter, or of a text, it depends on the other operand what the list is.
func isListOperand(tokens []token, i int) bool {
	if i == 0 || i+2 >= len(tokens) || !tokens[i-1].is("=") || !tokens[i].is("any") && !tokens[i].is("some") || !tokens[i+1].is("(") {
		return false
	}
	first := tokens[i+2]
	return first.kind != parameter && first.kind != literal && !slices.ContainsFunc([]string{"select", "with", "values", "from", "table", "("}, first.is)
}

// isRowFunction reports whether a token is a function that makes rows of one column, after FROM.
func isRowFunction(tokens []token, i int) bool {
	if name := tokens[i].name(); name != "generate_series" && name != "unnest" || i+1 >= len(tokens) || !tokens[i+1].is("(") {
		return false
	}
	before := i - 1
	if i > 1 && tokens[i-1].is(".") {
		before = i - 3
	}
	return before >= 0 && (tokens[before].is("from") || tokens[before].is("join") || tokens[before].is("lateral"))
}

// afterTable are the words that may follow a table and are no alias of it.
var afterTable = []string{"where", "on", "join", "left", "right", "inner", "cross", "full", "natural", "group", "order", "having", "limit", "offset", "union", "with", "using", "except", "intersect", "as"}

// aliasOf returns the alias behind a closed bracket, if it does not name columns, and where it ends: in PostgreSQL it is the name of the column, too.
func aliasOf(tokens []token, bracket int) (end int, alias string) {
	at := bracket + 1
	if bracket >= 0 && at < len(tokens) && tokens[at].is("as") {
		at++
	}
	if bracket < 0 || at >= len(tokens) || tokens[at].name() == "" || slices.Contains(afterTable, tokens[at].name()) || at+1 < len(tokens) && tokens[at+1].is("(") {
		return 0, ""
	}
	return tokens[at].end(), tokens[at].text
}

// catalogInfo is the schema that has the views of the information schema: DuckDB has one of that name itself.
const catalogInfo = "info"

// closing returns the token that closes the bracket at a token; -1 if there is none.
func closing(tokens []token, open int) int {
	depth := 0
	for i := open; i < len(tokens); i++ {
		switch {
		case tokens[i].is("("):
			depth++
		case tokens[i].is(")"):
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// typeAt returns the name of a type, without its schema, and its last token.
func typeAt(tokens []token, i int) (name string, end int) {
	if isSchema(tokens, i, "pg_catalog") || isSchema(tokens, i, "information_schema") {
		i += 2
	}
	return tokens[i].name(), i
}

func isCastType(tokens []token, i int) bool {
	name, _ := typeAt(tokens, i)
	return castTypes[name] != ""
}

// inCast reports whether AS at a token is that of a CAST: what follows the type closes it.
func inCast(tokens []token, i int) bool {
	_, end := typeAt(tokens, i+1)
	return end+1 < len(tokens) && tokens[end+1].is(")")
}

// nameFunctions return the number of what a text names, as casts to these types do.
var nameFunctions = map[string]string{"regclass": "to_regclass", "regtype": "to_regtype", "regnamespace": "to_regnamespace"}

// namesObject reports whether a token is a text or a parameter that is a name, and not the number of an object.
func namesObject(t token) bool {
	return t.kind == parameter || t.kind == literal && strings.Trim(t.text, "'0123456789") != ""
}

// castEdit replaces the type of a cast, and a cast of a name to the number of what it names. It returns the last token of the cast.
func castEdit(s statementText, i int, add func(from, to int, text string)) int {
	tokens := s.tokens
	name, end := typeAt(tokens, i+1)
	to, known := castTypes[name]
	operand := tokens[max(i-1, 0)]
	isList := end+2 < len(tokens) && tokens[end+1].is("[") && tokens[end+2].is("]")
	switch {
	case nameFunctions[name] != "" && namesObject(operand):
		add(operand.at, tokens[end].end(), nameFunctions[name]+"("+operand.text+")")
	case isList && listOf(operand) != "":
		add(operand.at, operand.end(), listOf(operand))
		add(tokens[i+1].at, tokens[end].end(), cmp.Or(to, name))
	case known:
		add(tokens[i+1].at, tokens[end].end(), to)
	case end > i+1: // the schema of another type
		add(tokens[i+1].at, tokens[end].at, "")
	}
	return end
}

// listOf returns the list that the text of an array stands for; "" if the token is none.
func listOf(t token) string {
	if t.kind != literal || !strings.HasPrefix(t.text, "'{") {
		return ""
	}
	text := strings.ReplaceAll(strings.Trim(t.text, "'"), "''", "'")
	list, err := listLiteral(pgtype.NewMap(), pgtype.TextArrayOID, pgtype.TextOID, text)
	if err != nil {
		return ""
	}
	return list
}

// castCall replaces CAST(name AS type), as castEdit does. It returns the last token, or the given one.
func castCall(tokens []token, i int, add func(from, to int, text string)) int {
	if i+4 >= len(tokens) || !tokens[i+1].is("(") || !namesObject(tokens[i+2]) || !tokens[i+3].is("as") {
		return i
	}
	name, end := typeAt(tokens, i+4)
	if nameFunctions[name] == "" || end+1 >= len(tokens) || !tokens[end+1].is(")") {
		return i
	}
	add(tokens[i].at, tokens[end+1].end(), nameFunctions[name]+"("+tokens[i+2].text+")")
	return end + 1
}
