// The trees that DuckDB's parser and binder serialize as JSON, and how their nodes are read.

package duck

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"bursar/internal/column"
)

// serialized runs a query of one text, which is JSON, and decodes it.
func (s *Session) serialized(ctx context.Context, call string, into any) error {
	return s.QueryEstimated(ctx, 1, "SELECT "+call+"::VARCHAR", func(rows []column.Vector) error {
		decoder := json.NewDecoder(bytes.NewReader(rows[0].Text(0)))
		decoder.UseNumber()
		if err := decoder.Decode(into); err != nil {
			return fmt.Errorf("read parse tree: %w", err)
		}
		return nil
	})
}

// parsedSQL is the answer of DuckDB's parser: the trees of SELECT statements, or an error.
type parsedSQL struct {
	Error      bool             `json:"error"`
	Message    string           `json:"error_message"`
	Position   json.Number      `json:"position"` // of the error, in bytes
	Statements []map[string]any `json:"statements"`
}

func (s *Session) parse(ctx context.Context, sql string) (parsed parsedSQL, err error) {
	err = s.serialized(ctx, "json_serialize_sql("+Literal(sql)+")", &parsed)
	return parsed, err
}

// object returns a node; nil, in which nothing is found, for a value that is none.
func object(value any) map[string]any {
	node, _ := value.(map[string]any)
	return node
}

// list returns a list; nil for a value that is none.
func list(value any) []any {
	items, _ := value.([]any)
	return items
}

// text returns a text; an empty one for a value that is none.
func text(value any) string {
	s, _ := value.(string)
	return s
}

// firstName returns the first part of a COLUMN_REF's name, in lower case.
func firstName(node map[string]any) string {
	parts := list(node["column_names"])
	if len(parts) == 0 {
		return ""
	}
	return strings.ToLower(text(parts[0]))
}

// lastName returns the last part of a COLUMN_REF's name.
func lastName(node map[string]any) string {
	parts := list(node["column_names"])
	if len(parts) == 0 {
		return ""
	}
	return text(parts[len(parts)-1])
}

// nodes returns all nodes of a tree, each before those within it, in a fixed order.
func nodes(tree any) iter.Seq[map[string]any] {
	return func(yield func(map[string]any) bool) { visit(tree, yield) }
}

func visit(value any, yield func(map[string]any) bool) bool {
	if node, ok := value.(map[string]any); ok && !yield(node) {
		return false
	}
	for _, item := range childValues(value) {
		if !visit(item, yield) {
			return false
		}
	}
	return true
}

// childValues returns the values directly within a node or list, in a fixed order.
func childValues(value any) []any {
	switch v := value.(type) {
	case []any:
		return v
	case map[string]any:
		list := make([]any, 0, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			list = append(list, v[key])
		}
		return list
	}
	return nil
}
