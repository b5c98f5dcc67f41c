// Checks a statement of a person: it must be one that reads tables of the database, and can do nothing else.

package duck

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"bursar/internal/column"
)

// AskError is the error of a statement of a person that is refused or that cannot be parsed.
type AskError struct {
	Message string
	Place   int    // the byte at which the fault is, counted from 1; 0 if unknown
	Table   string // the name of a table that does not exist, if that is the fault
}

func (e *AskError) Error() string { return e.Message }

// CheckAsked refuses a statement of a person unless it is one SELECT, VALUES, FROM, DESCRIBE, SUMMARIZE or SHOW TABLES that reads tables and
// views of the database, or views of the catalog without settings, and calls functions only that compute something from their arguments.
// It decides by the tree of DuckDB's parser, and refuses every kind of node that it does not know: a file is a table to DuckDB, and table
// functions read files, settings and secrets. It knows the tables of the session's transaction, in which the statement must be executed.
// describes says that the statement returns a description, which cannot be described in turn.
func (s *Session) CheckAsked(ctx context.Context, sql string) (describes bool, err error) {
	if !utf8.ValidString(sql) || strings.Contains(sql, "\x00") {
		return false, &AskError{Message: "it is not valid UTF-8 text"}
	}
	tree, err := s.parseAsked(ctx, sql)
	if err != nil {
		return false, err
	}
	tables, err := s.askedTables(ctx)
	if err != nil {
		return false, err
	}
	c := askCheck{tables: tables, with: map[string]bool{}, macros: s.macros, schemas: s.macroSchemas}
	c.collect(tree)
	for node := range nodes(tree) {
		if fault := c.fault(node); fault != nil {
			fault.Place = placeOf(node)
			return false, fault
		}
	}
	if reason := tooLargeToAsk(tree); reason != "" {
		return false, &AskError{Message: reason}
	}
	return object(object(tree["node"])["from_table"])["type"] == "SHOW_REF", nil
}

// AllowMacros lets statements of people call macros of the session's database, given in lower case, which the program itself has created in it: in
// the schema main, or in one of those that are given, whose names no other database has.
func (s *Session) AllowMacros(names map[string]bool, schemas ...string) {
	s.macros, s.macroSchemas = names, set(strings.Join(schemas, " "))
}

// parseAsked returns the tree of one statement that DuckDB represents as a SELECT.
func (s *Session) parseAsked(ctx context.Context, sql string) (map[string]any, error) {
	parsed, err := s.parse(ctx, sql)
	switch {
	case err != nil:
		return nil, err
	case parsed.Error && parsed.Position != "":
		at, _ := strconv.Atoi(parsed.Position.String())
		return nil, &AskError{Message: firstLine(parsed.Message), Place: at + 1}
	case parsed.Error && strings.Contains(parsed.Message, "Only SELECT"):
		return nil, &AskError{Message: "only a statement that reads is executed: SELECT, WITH, VALUES, FROM, DESCRIBE, SUMMARIZE or SHOW TABLES; a PIVOT needs its values: ON column IN (…)"}
	case parsed.Error:
		return nil, &AskError{Message: firstLine(parsed.Message)}
	case len(parsed.Statements) != 1:
		return nil, &AskError{Message: fmt.Sprintf("one statement is executed at a time; these are %d", len(parsed.Statements))}
	}
	return parsed.Statements[0], nil
}

// placeOf returns the place of a node, or 0.
func placeOf(node map[string]any) int {
	at, _ := node["query_location"].(json.Number)
	n, err := strconv.ParseUint(at.String(), 10, 64)
	if err != nil || n >= math.MaxInt32 {
		return 0
	}
	return int(n) + 1
}

// askCheck knows the names that a statement may use after FROM.
type askCheck struct {
	tables  askedTables
	with    map[string]bool // names that WITH defines, in lower case
	macros  map[string]bool // of AllowMacros, as schemas
	schemas map[string]bool
}

func (c *askCheck) collect(tree any) {
	for node := range nodes(tree) {
		for _, entry := range list(object(node["cte_map"])["map"]) {
			c.with[strings.ToLower(text(object(entry)["key"]))] = true
		}
	}
}

// expressionClasses are the classes of expressions that a statement may contain.
var expressionClasses = set(`BETWEEN CASE CAST COLLATE COLUMN_REF COMPARISON CONJUNCTION CONSTANT DEFAULT FUNCTION LAMBDA OPERATOR
	POSITIONAL_REFERENCE STAR SUBQUERY TYPE WINDOW`)

// otherNodes are the types of nodes that are no expressions and are not checked themselves.
var otherNodes = set(`SELECT_NODE SET_OPERATION_NODE RECURSIVE_CTE_NODE CTE_NODE
	EMPTY SUBQUERY JOIN EXPRESSION_LIST PIVOT
	LIMIT_MODIFIER LIMIT_PERCENT_MODIFIER ORDER_MODIFIER DISTINCT_MODIFIER ORDER_DEFAULT ASCENDING DESCENDING
	GENERIC_TYPE_INFO DECIMAL_TYPE_INFO STRING_TYPE_INFO LIST_TYPE_INFO STRUCT_TYPE_INFO ENUM_TYPE_INFO ARRAY_TYPE_INFO UNBOUND_TYPE_INFO`)

// fault returns why a node is refused, or nil.
func (c *askCheck) fault(node map[string]any) *AskError {
	class, isExpression := node["class"].(string)
	kind, hasType := node["type"].(string)
	switch {
	case class == "PARAMETER":
		return &AskError{Message: "a parameter has no value here: write the value in its place"}
	case isExpression && !expressionClasses[class]:
		return &AskError{Message: fmt.Sprintf("an expression of the kind %s is refused", strings.ToLower(class))}
	case isExpression:
		return c.call(node)
	case !hasType || otherNodes[kind]:
		return nil
	case kind == "BASE_TABLE":
		return c.table(node)
	case kind == "TABLE_FUNCTION":
		return c.tableFunction(node)
	case kind == "SHOW_REF" && (node["query"] != nil || shownTables[text(node["table_name"])]):
		return nil
	case kind == "SHOW_REF":
		return &AskError{Message: "this kind of SHOW or DESCRIBE is refused: there are SHOW TABLES, SHOW ALL TABLES, and DESCRIBE or SUMMARIZE of a table or of a query"}
	}
	return &AskError{Message: fmt.Sprintf("a statement with %s is refused", strings.ToLower(kind))}
}

// shownTables are what SHOW TABLES and SHOW ALL TABLES show.
var shownTables = map[string]bool{`"tables"`: true, "__show_tables_expanded": true}

func (c *askCheck) call(node map[string]any) *AskError {
	name, isCall := node["function_name"].(string)
	if !isCall || mayAsk(strings.ToLower(name)) || c.isMacro(node) {
		return nil
	}
	if tableFunctions[strings.ToLower(name)] {
		return nil // after FROM; elsewhere there is no such function
	}
	return &AskError{Message: fmt.Sprintf("function %s() is refused: it is not one of those that only compute a value from their arguments", name)}
}

// isMacro reports whether a call is that of a macro that may be called. With the name of a database it may be another function of this name.
func (c *askCheck) isMacro(call map[string]any) bool {
	schema := text(call["schema"])
	isOwn := text(call["catalog"]) == "" && (schema == "" || c.schemas[strings.ToLower(schema)])
	return isOwn && c.macros[strings.ToLower(text(call["function_name"]))]
}

func (c *askCheck) tableFunction(node map[string]any) *AskError {
	name := text(object(node["function"])["function_name"])
	if tableFunctions[strings.ToLower(name)] || c.isMacro(object(node["function"])) {
		return nil
	}
	return &AskError{Message: fmt.Sprintf("table function %s() is refused: only tables of the warehouse can be read", name)}
}

// table refuses what is not a table or a view of the transaction: DuckDB would look for a file of that name.
func (c *askCheck) table(node map[string]any) *AskError {
	catalog, schema, name := text(node["catalog_name"]), text(node["schema_name"]), text(node["table_name"])
	if c.tables.has(catalog, schema, name) {
		return nil
	}
	// A name of WITH may be used outside of its scope, where it would be a file: the names of files have a dot.
	if catalog == "" && schema == "" && c.with[strings.ToLower(name)] && !strings.Contains(name, ".") {
		return nil
	}
	full := strings.Join(slices.DeleteFunc([]string{catalog, schema, name}, func(part string) bool { return part == "" }), ".")
	return &AskError{Message: fmt.Sprintf("table %s does not exist", full), Table: full}
}

// askedTables are the tables and views that a statement may read: schemas and names, in lower case, by database.
type askedTables struct {
	database string // the session's
	own      map[[2]string]bool
	system   map[[2]string]bool
}

// A macro of the database may have the name of a function without a schema.
const askedTablesSQL = `
SELECT system.main.current_database(), schema_name, table_name, false FROM duckdb_tables() WHERE database_name = system.main.current_database()
UNION ALL SELECT system.main.current_database(), schema_name, view_name, database_name = 'system' FROM duckdb_views() WHERE database_name IN (system.main.current_database(), 'system')`

func (s *Session) askedTables(ctx context.Context) (askedTables, error) {
	t := askedTables{own: map[[2]string]bool{}, system: map[[2]string]bool{}}
	err := s.Query(ctx, askedTablesSQL, func(rows []column.Vector) error {
		t.database = strings.ToLower(string(rows[0].Text(0)))
		for i := range rows[0].Len() {
			key := [2]string{strings.ToLower(string(rows[1].Text(i))), strings.ToLower(string(rows[2].Text(i)))}
			switch isSystem := rows[3].Ints[i] == 1; {
			case !isSystem:
				t.own[key] = true
			case !refusedViews[key[1]]:
				t.system[key] = true
			}
		}
		return nil
	})
	return t, err
}

// refusedViews are the views of DuckDB's catalog about settings, files and statements of others.
var refusedViews = set("duckdb_databases duckdb_logs pg_prepared_statements pg_settings pragma_database_list")

// has reports whether a name is that of a table or a view: unqualified, with a schema or a database, or with both.
func (t *askedTables) has(catalog, schema, name string) bool {
	catalog, schema, name = strings.ToLower(catalog), strings.ToLower(schema), strings.ToLower(name)
	const main = "main"
	if catalog == "" && (schema == t.database || schema == "system") {
		catalog, schema = schema, main
	}
	inMain, inSchema := [2]string{main, name}, [2]string{schema, name}
	switch {
	case catalog == "" && schema == "":
		return t.own[inMain] || t.system[inMain] || t.system[[2]string{"pg_catalog", name}]
	case catalog == "":
		return t.own[inSchema] || t.system[inSchema]
	case catalog == t.database:
		return t.own[inSchema]
	}
	return catalog == "system" && t.system[inSchema]
}
