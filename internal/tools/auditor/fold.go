// Makes artifacts from events: groups in a map, folds by loops, and the lines of an export.

package auditor

import (
	"cmp"
	"maps"
	"math/big"
	"slices"
	"strings"
)

// Export is the text that `bursar export` must write: the artifacts of all published events.
func (m *Model) Export() string {
	groups, values := map[string][]Row{}, map[string][]Value{}
	types := m.keyTypes()
	for i := range m.events {
		if e := &m.events[i]; e.seal <= m.published && e.key != nil && !m.isRetracted(e) {
			key := keyJSON(e.key, types)
			groups[key], values[key] = append(groups[key], e.Row), e.key
		}
	}
	keys := slices.SortedFunc(maps.Keys(groups), func(a, b string) int { return slices.CompareFunc(values[a], values[b], compare) })
	var b strings.Builder
	for _, key := range keys {
		b.WriteString(`{"key":` + key + `,"artifact":` + m.artifact(groups[key]) + "}\n")
	}
	return b.String()
}

// typesOf returns the types of the columns that a pipeline folds. A name in several streams has a type that contains all.
func typesOf(streams []*Stream) map[string]Type {
	types := map[string]Type{StreamColumn: {Kind: Text}}
	for _, s := range streams {
		for _, c := range s.Columns {
			t, known := types[c.Name]
			if !known {
				t = c.Type
			}
			types[c.Name] = widen(t, c.Type)
		}
	}
	return types
}

// keyTypes returns the types of the key, whose columns may have different names in the streams.
func (m *Model) keyTypes() []Type {
	types := make([]Type, len(m.pipeline.Key))
	for i := range types {
		for n, name := range m.pipeline.From {
			t := m.pipeline.keyType(m.intakes[name].stream, i)
			if n > 0 {
				t = widen(types[i], t)
			}
			types[i] = t
		}
	}
	return types
}

func keyJSON(key []Value, types []Type) string {
	texts := make([]string, len(key))
	for i, v := range key {
		texts[i] = v.json(types[i])
	}
	if len(texts) == 1 {
		return texts[0]
	}
	return "[" + strings.Join(texts, ",") + "]"
}

func (m *Model) artifact(events []Row) string {
	printed := map[string]string{}
	values, types := Row{}, map[string]Type{}
	for i := range m.pipeline.Folds {
		f := &m.pipeline.Folds[i]
		switch {
		case f.Kind == "list":
			printed[f.Name] = m.list(f, m.matching(f, events))
		case f.Kind != "is":
			values[f.Name], types[f.Name] = m.fold(f, m.matching(f, events))
		}
	}
	for len(values) < len(m.pipeline.Folds)-len(printed) {
		m.computed(values, types)
	}
	texts := make([]string, len(m.pipeline.Folds))
	for i, f := range m.pipeline.Folds {
		texts[i] = cmp.Or(printed[f.Name], values[f.Name].json(types[f.Name]))
		texts[i] = quote(f.Name) + ":" + texts[i]
	}
	return "{" + strings.Join(texts, ",") + "}"
}

// computed adds the `is` columns whose inputs are known.
func (m *Model) computed(values Row, types map[string]Type) {
	for _, f := range m.pipeline.Folds {
		unknown := func(name string) bool { return !has(values, name) }
		if f.Kind == "is" && unknown(f.Name) && !slices.ContainsFunc(f.Expr.Uses, unknown) {
			values[f.Name], types[f.Name] = f.Expr.Eval(values), f.Expr.Type(types)
		}
	}
}

func has(row Row, name string) bool {
	_, ok := row[name]
	return ok
}

func (m *Model) matching(f *Fold, events []Row) []Row {
	return slices.DeleteFunc(slices.Clone(events), func(row Row) bool { return f.Where != nil && !f.Where.Matches(row) })
}

func (m *Model) fold(f *Fold, events []Row) (Value, Type) {
	if f.Kind == "count" {
		return numberValue(BigInt, big.NewRat(int64(len(events)), 1)), Type{Kind: BigInt}
	}
	t := f.Expr.Type(m.types)
	var values []Value
	if f.Kind == "first" || f.Kind == "last" {
		m.order(f, events)
	}
	for _, row := range events {
		if v := f.Expr.Eval(row); !v.IsNull() {
			values = append(values, v)
		}
	}
	if f.Kind == "sum" {
		return sum(values, t)
	}
	if len(values) == 0 {
		return Value{}, t
	}
	switch f.Kind {
	case "min":
		return slices.MinFunc(values, compare), t
	case "max":
		return slices.MaxFunc(values, compare), t
	case "first":
		return values[0], t
	default:
		return values[len(values)-1], t
	}
}

func sum(values []Value, t Type) (Value, Type) {
	total := new(big.Rat)
	for _, v := range values {
		total.Add(total, v.number)
	}
	if t.Kind != Decimal {
		return numberValue(BigInt, total), Type{Kind: BigInt}
	}
	return numberValue(Decimal, total), Type{Kind: Decimal, Precision: 38, Scale: t.Scale}
}

// order sorts events by the fold's columns, then by stream, then by event id, then versions by their receipt. Derived ids do
// not order events, and an id that left the dedupe window may occur twice: workloads with such ids order by every column, so
// that ties are equal.
func (m *Model) order(f *Fold, events []Row) {
	slices.SortFunc(events, func(a, b Row) int {
		c := cmp.Or(m.compareOrder(f.By, a, b), compare(a[StreamColumn], b[StreamColumn]))
		if s := m.intakes[a[StreamColumn].text].stream; c == 0 && s.Orders() {
			c = m.compareOrder(append(slices.Clone(s.ID), ReceivedColumn), a, b)
		}
		return c
	})
}

func (m *Model) list(f *Fold, events []Row) string {
	m.order(f, events)
	if f.Keep > 0 && len(events) > f.Keep {
		events = events[len(events)-f.Keep:]
	}
	texts := make([]string, len(events))
	for i, row := range events {
		items := make([]string, len(f.Items))
		for n, name := range f.Items {
			items[n] = quote(name) + ":" + row[name].json(m.types[name])
		}
		texts[i] = "{" + strings.Join(items, ",") + "}"
	}
	return "[" + strings.Join(texts, ",") + "]"
}
