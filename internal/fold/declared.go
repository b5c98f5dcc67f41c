// The SQL of reduce and merge for declared folds, and of the counts of the events that give each fold a value.

package fold

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/project"
)

// reduceSQL folds events to one delta row per key. Hash aggregation has no order, so the rows are sorted by key.
func reduceSQL(plan *Plan, folds []foldSQL) string {
	var list, key []string
	for _, k := range plan.Events.Key {
		key, list = append(key, column.QuoteIdentifier(k.Event)), append(list, keySQL(k))
	}
	list = append(list, "count(*) AS "+column.QuoteIdentifier(EventCount))
	for _, f := range folds {
		for i, c := range f.columns {
			list = append(list, castAs(f.reduce[i], c))
		}
	}
	return fmt.Sprintf("SELECT %s\nFROM events GROUP BY %s ORDER BY %s", strings.Join(list, ",\n  "), strings.Join(key, ", "), strings.Join(key, ", "))
}

// keySQL selects a key column of the events under its name in artifacts.
func keySQL(k project.KeyColumn) string {
	if k.Event == k.Name {
		return column.QuoteIdentifier(k.Name)
	}
	return column.QuoteIdentifier(k.Event) + " AS " + column.QuoteIdentifier(k.Name)
}

// Aligned is a column of the merge's result: whether the rows of delta and state have the same key.
const Aligned = "_aligned"

// mergeSQL joins each delta row with its state, computes the `is` columns one by one, and adds the conserve expressions. State has a
// row for each row of the delta, in the same order, all null for a new key, so nothing is hashed or sorted again. The column
// Aligned checks that.
func mergeSQL(plan *Plan, folds []foldSQL) string {
	count := column.QuoteIdentifier(EventCount)
	list := append(prefixed("d", plan.Key), fmt.Sprintf("coalesce(s.%s, 0) + d.%s AS %s", count, count, count))
	for _, f := range folds {
		for i, c := range f.columns {
			list = append(list, castAs(f.merge[i], c))
		}
	}
	list = append(list, plan.alignedSQL()+" AS "+Aligned)
	sql := plan.WithComputed(fmt.Sprintf("SELECT %s\nFROM delta AS d POSITIONAL JOIN state AS s", strings.Join(list, ",\n  ")))
	return plan.outputSQL(sql, "")
}

// alignedSQL is the check that a row of the delta (d) and one of the state (s) have the same key, or the state's is null.
func (plan *Plan) alignedSQL() string {
	same := make([]string, len(plan.Key))
	for i, k := range Quoted(plan.Key) {
		same[i] = fmt.Sprintf("s.%s = d.%s", k, k)
	}
	return fmt.Sprintf("d.%s IS NOT NULL AND (s.%s IS NULL OR (%s))", column.QuoteIdentifier(EventCount),
		column.QuoteIdentifier(EventCount), strings.Join(same, " AND "))
}

// outputSQL selects the merge's columns from a SELECT with the record's.
func (plan *Plan) outputSQL(from, order string) string {
	return fmt.Sprintf("SELECT %s\nFROM (%s)%s", join(Quoted(plan.Key), Quoted(plan.RecordFields()), plan.conserveSQL(), []string{Aligned}), from, order)
}

// WithComputed adds the `is` columns to a SELECT, each over those before it.
func (plan *Plan) WithComputed(from string) string {
	for _, name := range plan.computedOrder {
		expr := castAs(fmt.Sprintf("(%s\n)", plan.Pipeline.Fold(name).Expr), plan.column(name))
		from = fmt.Sprintf("SELECT *, %s\nFROM (%s)", expr, from)
	}
	return from
}

// castAs casts an expression to its column's type, which binding has checked to be exact, and names it.
func castAs(expr string, c column.Field) string {
	return fmt.Sprintf("CAST(%s AS %s) AS %s", expr, c.Type.SQL(), column.QuoteIdentifier(c.Name))
}

// Quoted lists the quoted names of fields.
func Quoted(fields []column.Field) []string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = column.QuoteIdentifier(f.Name)
	}
	return list
}

// Names lists the fields for a SELECT.
func Names(fields []column.Field) string { return strings.Join(Quoted(fields), ", ") }

func prefixed(alias string, fields []column.Field) []string {
	list := Quoted(fields)
	for i := range list {
		list[i] = alias + "." + list[i]
	}
	return list
}

func join(lists ...[]string) string { return strings.Join(slices.Concat(lists...), ",\n  ") }

// CountsSQL is a SELECT of one row with the number of events that give a value to each of the named folds, followed by the number
// of events that match the condition of each fold in matched. It is empty if SQL files make the columns.
func (plan *Plan) CountsSQL() (sql string, names, matched []string) {
	var values, conditions []string
	for i := range plan.Pipeline.Artifact {
		f := &plan.Pipeline.Artifact[i]
		if f.Kind == project.Is || f.Kind == project.Typed {
			continue
		}
		where := "true"
		if f.Where != "" {
			where = fmt.Sprintf("(%s\n)", f.Where)
		}
		switch from := plan.streamsOf(f); {
		case plan.Pipeline.NamesDeclared(f, plan.Events.Streams):
			conditions, matched = append(conditions, countSQL(where+from)), append(matched, f.Name)
		case from != "":
			conditions, matched = append(conditions, countSQL("true"+from)), append(matched, f.Name)
		}
		if f.Expr != "" {
			where += fmt.Sprintf(" AND (%s\n) IS NOT NULL", f.SQL())
		}
		values, names = append(values, countSQL(where)), append(names, f.Name)
	}
	if len(names) == 0 {
		return "", nil, nil
	}
	return "SELECT " + strings.Join(append(values, conditions...), ",\n  ") + "\nFROM events", names, matched
}

// streamsOf is a condition that excludes the events of streams without any column of a fold's expression: by declaration they give it no
// value. It is empty if there is no such stream.
func (plan *Plan) streamsOf(f *project.Fold) string {
	named := func(c project.Column) bool {
		return regexp.MustCompile(`(?i)\b` + regexp.QuoteMeta(c.Name) + `\b`).MatchString(f.Expr)
	}
	var having []string
	for _, s := range plan.Events.Streams {
		if slices.ContainsFunc(s.Columns, named) {
			having = append(having, duck.Literal(s.Name))
		}
	}
	if len(having) == 0 || len(having) == len(plan.Events.Streams) {
		return ""
	}
	return fmt.Sprintf(" AND %s IN (%s)", project.StreamColumn, strings.Join(having, ", "))
}

func countSQL(where string) string { return fmt.Sprintf("count(*) FILTER (WHERE %s)", where) }
