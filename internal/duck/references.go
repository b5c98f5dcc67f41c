// What a SELECT refers to: the tables and table functions in it, and what does more than compute, with their lines.

package duck

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// Reference is a table or a table function in a SELECT.
type Reference struct {
	Schema string // empty if it is not given
	Name   string
	Line   int // in the text, from 1
}

// References are what a SELECT reads.
type References struct {
	Tables    []Reference // without the names that WITH defines where they are known
	Functions []Reference // table functions, other than those that compute rows from their arguments only
	Refused   []SelectError
}

// References parses one SELECT and returns what it reads, in a fixed order. Nothing is bound: the tables need not exist. An error about the
// text is a *SelectError. Refused are functions, views of the catalog and forms of SELECT that may read files, settings or secrets, or
// execute a text; only values of any size are allowed beside what CheckAsked allows.
func (s *Session) References(ctx context.Context, sql string) (References, error) {
	tree, err := s.parseSelect(ctx, sql)
	if err != nil {
		return References{}, err
	}
	r := referenceReader{sql: sql}
	r.walk(object(tree["node"]), nil)
	return r.References, nil
}

type referenceReader struct {
	References

	sql string
}

// scope is the names that WITH defines at a place, the innermost ones first.
type scope struct {
	name  string
	outer *scope
}

func (s *scope) has(name string) bool {
	for ; s != nil; s = s.outer {
		if strings.EqualFold(s.name, name) {
			return true
		}
	}
	return false
}

// walk reads a node. A name that WITH defines is known in the definitions after it and in the rest of its query, and in its own definition only
// if that is recursive.
func (r *referenceReader) walk(value any, known *scope) {
	node := object(value)
	for _, item := range list(object(node["cte_map"])["map"]) {
		entry := object(item)
		r.walk(entry["value"], known)
		known = &scope{text(entry["key"]), known}
	}
	switch node["type"] {
	case "RECURSIVE_CTE_NODE":
		known = &scope{text(node["cte_name"]), known}
	case "BASE_TABLE":
		name, schema := text(node["table_name"]), text(node["schema_name"])
		if schema != "" || !known.has(name) {
			r.Tables = append(r.Tables, Reference{schema, name, r.line(node)})
		}
		if schema != "" && refusedViews[strings.ToLower(name)] {
			r.refuse(node, fmt.Sprintf("%s.%s is refused: it shows settings, files or statements", schema, name))
		}
	case "TABLE_FUNCTION":
		function := object(node["function"])
		if name := text(function["function_name"]); !isRowFunction(name) {
			r.Functions = append(r.Functions, Reference{text(function["schema"]), name, r.line(node)})
		}
		for _, argument := range childValues(function) {
			r.walk(argument, known)
		}
		delete(node, "function")
	default:
		if fault := (&askCheck{}).fault(node); fault != nil && !largeFunctions[strings.ToLower(text(node["function_name"]))] {
			r.refuse(node, fault.Message)
		}
	}
	for _, item := range childrenBeside(value, "cte_map") {
		r.walk(item, known)
	}
}

func (r *referenceReader) refuse(node map[string]any, message string) {
	r.Refused = append(r.Refused, SelectError{message, r.line(node)})
}

func (r *referenceReader) line(node map[string]any) int {
	at, _ := node["query_location"].(json.Number)
	return lineAt(r.sql, at)
}

func isRowFunction(name string) bool {
	for _, f := range rowFunctions {
		if strings.EqualFold(f, name) {
			return true
		}
	}
	return false
}

// childrenBeside returns the values within a node or list, without one of its keys.
func childrenBeside(value any, key string) []any {
	node, ok := value.(map[string]any)
	if !ok || node[key] == nil {
		return childValues(value)
	}
	rest := make(map[string]any, len(node))
	for k, v := range node {
		if k != key {
			rest[k] = v
		}
	}
	return childValues(rest)
}
