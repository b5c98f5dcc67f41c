// The SQL of each kind of fold.

package fold

import (
	"fmt"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/project"
)

// foldSQL is one fold's columns, with the SQL that reduces events to them and merges a delta into the state.
type foldSQL struct {
	columns []column.Field // the artifact column, then the hidden ones
	items   []int
	reduce  []string // one expression over events for each column
	merge   []string // one expression over s (state, null for new keys) and d (delta) for each column
}

func compileFold(f *project.Fold, e *project.Events, t column.Type) foldSQL {
	switch f.Kind {
	case project.Count:
		return addedFold(f, t, "count(*)"+filter(f.Where))
	case project.Sum: // values are cast before they are summed: DECIMAL(38,s) sums are exact, and an overflow of integers fails in the cast (rule 2)
		return addedFold(f, t, fmt.Sprintf("CAST(coalesce(sum((%s\n))%s, 0) AS %s)", f.SQL(), filter(f.Where), t.SQL()))
	case project.Min, project.Max:
		return minMaxFold(f, t)
	case project.First, project.Last:
		return firstLastFold(f, e, t)
	default:
		return listFold(f, e)
	}
}

// addedFold reduces events to a number that is added to the state's.
func addedFold(f *project.Fold, t column.Type, reduce string) foldSQL {
	q := column.QuoteIdentifier(f.Name)
	return foldSQL{
		columns: []column.Field{{Name: f.Name, Type: t, Required: true}},
		reduce:  []string{reduce},
		merge:   []string{fmt.Sprintf("CAST(coalesce(s.%s, 0) + d.%s AS %s)", q, q, t.SQL())},
	}
}

func minMaxFold(f *project.Fold, t column.Type) foldSQL {
	function := map[project.FoldKind]string{project.Min: "least", project.Max: "greatest"}[f.Kind]
	q := column.QuoteIdentifier(f.Name)
	return foldSQL{
		columns: []column.Field{{Name: f.Name, Type: t}},
		reduce:  []string{fmt.Sprintf("%s((%s\n))%s", f.Kind, f.SQL(), filter(f.Where))},
		merge:   []string{fmt.Sprintf("%s(s.%s, d.%s)", function, q, q)}, // both ignore nulls
	}
}

// firstLastFold stores the value with its ordering columns: first and last are the least and greatest by these columns, and ties are
// broken by the event id, so no two events are equal.
func firstLastFold(f *project.Fold, e *project.Events, t column.Type) foldSQL {
	aggregate, wins := "arg_max", ">"
	if f.Kind == project.First {
		aggregate, wins = "arg_min", "<"
	}
	order := foldOrder(f, e)
	value := fmt.Sprintf("(%s\n)", f.SQL())
	items := []string{"'v': " + value}
	for i, o := range order {
		items = append(items, fmt.Sprintf("'o%d': %s", i, column.QuoteIdentifier(o.Name)))
	}
	where := value + " IS NOT NULL"
	if f.Where != "" {
		where += fmt.Sprintf(" AND (%s\n)", f.Where)
	}
	pick := fmt.Sprintf("%s({%s}, %s)%s", aggregate, strings.Join(items, ", "), rankSQL(order, func(i int) string {
		return column.QuoteIdentifier(order[i].Name)
	}), filter(where))

	out := foldSQL{columns: []column.Field{{Name: f.Name, Type: t}}, reduce: []string{pick + ".v"}}
	for i, o := range order {
		out.columns = append(out.columns, column.Field{Name: fmt.Sprintf("_%s_%d", f.Name, i), Type: o.Type})
		out.reduce = append(out.reduce, fmt.Sprintf("%s.o%d", pick, i))
	}
	side := func(alias string) string {
		return rankSQL(order, func(i int) string { return alias + "." + column.QuoteIdentifier(out.columns[i+1].Name) })
	}
	q := column.QuoteIdentifier(f.Name)
	wonBy := fmt.Sprintf("d.%s IS NOT NULL AND (s.%s IS NULL OR %s %s %s)", q, q, side("d"), wins, side("s"))
	for _, c := range out.columns {
		name := column.QuoteIdentifier(c.Name)
		out.merge = append(out.merge, fmt.Sprintf("CASE WHEN %s THEN d.%s ELSE s.%s END", wonBy, name, name))
	}
	return out
}

// listFold stores elements as structs of the ordering columns and the listed ones, sorted, and only the last Keep of them.
func listFold(f *project.Fold, e *project.Events) foldSQL {
	order := foldOrder(f, e)
	fields := slices.Clone(order)
	items := make([]int, len(f.Items))
	for i, name := range f.Items {
		items[i] = slices.IndexFunc(fields, func(x orderColumn) bool { return x.Name == name })
		if items[i] < 0 {
			items[i] = len(fields)
			fields = append(fields, orderColumn{Field: column.Field{Name: name, Type: e.Column(name).Type}})
		}
	}
	t := column.Type{Kind: column.List}
	for _, x := range fields {
		t.Fields = append(t.Fields, x.Field)
	}
	q := column.QuoteIdentifier(f.Name)
	collected := fmt.Sprintf("list({%s})%s", packed("", order, t), filter(f.Where))
	merged := fmt.Sprintf("list_concat(%s, %s)", withRank("s."+q, order, t), withRank("d."+q, order, t))
	return foldSQL{
		columns: []column.Field{{Name: f.Name, Type: t}},
		items:   items,
		reduce:  []string{keepLast(collected, f.Keep, t)},
		merge:   []string{keepLast(merged, f.Keep, t)},
	}
}

// withRank adds the rank by which elements are sorted to stored elements.
func withRank(list string, order []orderColumn, t column.Type) string {
	return fmt.Sprintf("list_transform(coalesce(%s, []), lambda x: {%s})", list, packed("x.", order, t))
}

// packed lists the items of an element, after its rank if there is an order.
func packed(from string, order []orderColumn, t column.Type) string {
	var items []string
	if order != nil {
		items = append(items, "'_rank': "+rankSQL(order, func(i int) string { return from + column.QuoteIdentifier(order[i].Name) }))
	}
	for _, f := range t.Fields {
		items = append(items, fmt.Sprintf("%s: %s%s", duck.Literal(f.Name), from, column.QuoteIdentifier(f.Name)))
	}
	return strings.Join(items, ", ")
}

// keepLast sorts elements by their rank, keeps the last keep of them (0 keeps all), and drops the rank.
func keepLast(list string, keep int, t column.Type) string {
	sorted := fmt.Sprintf("list_sort(coalesce(%s, []))", list)
	if keep > 0 {
		sorted = fmt.Sprintf("list_reverse(list_reverse(%s)[1:%d])", sorted, keep)
	}
	return fmt.Sprintf("list_transform(%s, lambda x: {%s})", sorted, packed("x.", nil, t))
}

type orderColumn struct {
	column.Field
	nullable bool
}

// foldOrder is the total order of a fold: the declared columns, then the stream if there are several, then the event id, then the
// receipt if versions of one id are kept. Columns are not repeated.
func foldOrder(f *project.Fold, e *project.Events) []orderColumn {
	var order []orderColumn
	names := slices.Clone(f.By)
	if e.Several() {
		names = append(names, project.StreamColumn)
	}
	for _, name := range names {
		if !slices.ContainsFunc(order, func(o orderColumn) bool { return o.Name == name }) {
			c := e.OrderColumn(name)
			order = append(order, orderColumn{Field: column.Field{Name: name, Type: c.Type}, nullable: c.Optional})
		}
	}
	for _, id := range e.IDs {
		known := true
		for _, own := range id.Columns {
			known = known && slices.Contains(f.By, own)
		}
		if !known {
			order = append(order, orderColumn{Field: column.Field{Name: id.Name, Type: id.Type}, nullable: id.Optional})
		}
	}
	return order
}

// rankSQL is a struct that compares as the order does: a null sorts before every value.
func rankSQL(order []orderColumn, expr func(i int) string) string {
	var parts []string
	for i, o := range order {
		if o.nullable {
			parts = append(parts, fmt.Sprintf("'n%d': %s IS NOT NULL", i, expr(i)))
		}
		parts = append(parts, fmt.Sprintf("'o%d': %s", i, expr(i)))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func filter(where string) string {
	if where == "" {
		return ""
	}
	return fmt.Sprintf(" FILTER (WHERE (%s\n))", where)
}
