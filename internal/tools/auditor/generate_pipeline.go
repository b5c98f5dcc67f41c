// Generates a random pipeline over the generated streams.

package auditor

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
)

// conditions are the conditions of folds and totals.
var conditions = []*Condition{
	{"kind = 'a'", []string{"kind"}, func(r Row) bool { return r["kind"].text == "a" }},
	{"kind <> 'a'", []string{"kind"}, func(r Row) bool { return r["kind"].text != "a" }},
	{"kind >= 'b'", []string{"kind"}, func(r Row) bool { return r["kind"].text >= "b" }},
	{"num > 0", []string{"num"}, func(r Row) bool { return r["num"].number.Sign() > 0 }},
	{"amount < 0", []string{"amount"}, func(r Row) bool { return r["amount"].number.Sign() < 0 }},
	{"fee IS NULL", []string{"fee"}, func(r Row) bool { return r["fee"].IsNull() }},
	{"fee > 0.5", []string{"fee"}, func(r Row) bool { return !r["fee"].IsNull() && r["fee"].number.Cmp(big.NewRat(1, 2)) > 0 }},
	{`"order" IS NOT NULL AND flag`, []string{"order", "flag"}, func(r Row) bool {
		return !r["order"].IsNull() && !r["flag"].IsNull() && r["flag"].number.Sign() > 0
	}},
	{"acct = 'a'", []string{"acct"}, func(r Row) bool { return r["acct"].text == "a" }},
}

func (g *generator) where() *Condition {
	c := pick(g, conditions)
	if g.chance(2) || !slices.ContainsFunc(g.streams(), func(s *Stream) bool { return s.has(c.Uses) }) {
		return nil
	}
	return c
}

// ofStream returns the condition that an event is in a stream and meets another condition.
func ofStream(name string, also *Condition) *Condition {
	c := &Condition{SQL: "stream = '" + name + "'", Matches: func(r Row) bool {
		return r[StreamColumn].text == name && (also == nil || also.Matches(r))
	}}
	if also != nil {
		c.SQL += " AND (" + also.SQL + ")"
	}
	return c
}

// pipeline declares a pipeline over the streams, and totals that it conserves.
func (g *generator) pipeline() *Pipeline {
	p := &Pipeline{Name: "books", Listed: len(g.feeds) > 1 || g.chance(12)}
	for _, f := range g.feeds {
		p.From = append(p.From, f.stream.Name)
	}
	g.Shuffle(len(p.From), func(i, k int) { p.From[i], p.From[k] = p.From[k], p.From[i] })
	g.key(p)
	most := 3
	if g.size.Backlog { // many steps, of which each takes the longer the more it folds
		most = 2
	}
	for i := range 1 + g.IntN(most) {
		p.Folds = append(p.Folds, g.fold(p, fmt.Sprintf("f%d", i)))
	}
	if added := g.added(p); len(added) == len(p.From) {
		if g.chance(3) {
			g.balance(p)
		}
		if g.chance(2) {
			g.conserve(p)
		}
	} else {
		g.total(p, g.streams()[:1], Total{Name: "whole", Sum: "amount"})
	}
	g.Shuffle(len(p.Folds), func(i, k int) { p.Folds[i], p.Folds[k] = p.Folds[k], p.Folds[i] })
	if g.chance(2) {
		p.Partitions = []int{1, 1, 1, 1, 1, 1, 2, 2, 3}[g.IntN(9)]
		p.MaxBatches, p.MaxEvents = 1+g.IntN(3), 1+g.IntN(200)
	}
	if g.size.Backlog {
		p.Partitions, p.MaxBatches, p.MaxEvents = []int{1, 2, 2, 2, 2, 2, 3, 3, 4, 8}[g.IntN(10)], 1, 200
	}
	return p
}

// key picks the key. Where a stream names an account otherwise, each stream names its own key columns.
func (g *generator) key(p *Pipeline) {
	if g.chance(3) {
		g.pickOptionalKey(p)
		return
	}
	keys := [][]string{
		{"acct"},
		{"acct"},
		{"num"},
		{"day"},
		{"kind"},
		{"at"},
		{"amount"},
		{"id"},
		{"acct", "kind"},
		{"kind", "num"},
		{"day", "acct"},
		{"num", "day"},
		{"at", "num"},
		{"amount", "acct"},
	}
	if g.size.Backlog { // runs must meet in their keys
		keys = keys[:5]
	}
	p.Key = slices.Clone(pick(g, keys))
	i := slices.Index(p.Key, "acct")
	named := func(s *Stream) bool { return i >= 0 && s.Column("acct") == nil }
	if !slices.ContainsFunc(g.streams(), named) {
		return
	}
	p.Keys = map[string][]string{}
	for _, s := range g.streams() {
		own := slices.Clone(p.Key)
		if named(s) {
			own[i] = "payer"
		}
		p.Keys[s.Name] = own
	}
	p.Key = p.Keys[p.From[0]]
}

// foldable lists the columns that the pipeline folds: all, those that have an order, and numbers.
func (g *generator) foldable(p *Pipeline) (all, ordered, numbers []string) {
	types := typesOf(g.streams())
	if !p.Listed {
		delete(types, StreamColumn)
	}
	for _, name := range slices.Sorted(maps.Keys(types)) {
		all = append(all, name)
		if types[name].Kind != Flag {
			ordered = append(ordered, name)
		}
		if slices.Contains([]Kind{Int, BigInt, Decimal}, types[name].Kind) {
			numbers = append(numbers, name)
		}
	}
	return all, ordered, numbers
}

// fold is one column that is folded from events.
func (g *generator) fold(p *Pipeline, name string) Fold {
	all, ordered, numbers := g.foldable(p)
	f := Fold{Name: name, Kind: pick(g, []string{"count", "sum", "sum", "min", "max", "first", "last", "last", "list"}), Where: g.where()}
	adds := f.Kind == "count" || f.Kind == "sum"
	switch added := g.added(p); {
	case adds && len(added) == 0:
		f.Kind = pick(g, []string{"first", "last", "last", "list"})
	case adds && len(added) < len(p.From):
		f.Where = ofStream(pick(g, added), f.Where)
	case p.Listed && g.chance(4):
		f.Where = ofStream(pick(g, p.From), f.Where)
	}
	switch f.Kind {
	case "count":
	case "sum":
		f.Expr = columnFormula(pick(g, numbers))
		if g.chance(4) {
			f.Expr = signed
		}
	case "min", "max":
		f.Expr = columnFormula(pick(g, ordered))
	case "first", "last":
		f.Expr, f.By = columnFormula(pick(g, all)), g.by(ordered, all)
		g.order = append(g.order, f.By...)
	case "list":
		f.Items, f.By = some(g, all, 4), g.by(ordered, all)
		g.Shuffle(len(f.Items), func(i, k int) { f.Items[i], f.Items[k] = f.Items[k], f.Items[i] })
		if g.chance(2) {
			f.Keep = 1 + g.IntN(4)
		}
	}
	return f
}

// by returns the columns that order events. If the ids of a stream do not identify its events, it is every column.
func (g *generator) by(ordered, all []string) []string {
	by := some(g, ordered, 2)
	g.Shuffle(len(by), func(i, k int) { by[i], by[k] = by[k], by[i] })
	by = g.byReceipt(by)
	if !slices.ContainsFunc(g.streams(), func(s *Stream) bool { return !s.Orders() }) {
		return by
	}
	for _, name := range all {
		if !slices.Contains(by, name) {
			by = append(by, name)
		}
	}
	return by
}

// balance adds two sums, their difference, and a status by it.
func (g *generator) balance(p *Pipeline) {
	p.Folds = append(p.Folds,
		Fold{Name: "credit", Kind: "sum", Expr: columnFormula("amount"), Where: conditions[0]},
		Fold{Name: "debit", Kind: "sum", Expr: columnFormula("amount"), Where: conditions[1]},
		Fold{Name: "balance", Kind: "is", Expr: &Formula{
			SQL: "credit - debit", Uses: []string{"credit", "debit"}, Type: typeOf("credit"),
			Eval: func(r Row) Value {
				return numberValue(Decimal, new(big.Rat).Sub(r["credit"].number, r["debit"].number))
			},
		}},
		Fold{Name: "status", Kind: "is", Expr: &Formula{
			SQL:  "CASE WHEN balance = 0 THEN 'even' WHEN balance > 0 THEN 'open' ELSE 'over' END",
			Uses: []string{"balance"}, Type: func(map[string]Type) Type { return Type{Kind: Text} },
			Eval: func(r Row) Value { return textValue([]string{"over", "even", "open"}[r["balance"].number.Sign()+1]) },
		}},
	)
	if streams := g.alike("amount"); g.chance(2) && len(streams) == len(g.feeds) {
		p.Conserve = append(p.Conserve, Conserve{"whole", "credit + debit"})
		g.total(p, streams, Total{Name: "whole", Sum: "amount"})
	}
}

// conserve adds a total and the fold that moves by it: of all streams that have such a column, or of one of them.
func (g *generator) conserve(p *Pipeline) {
	t := Total{Name: "moved", Sum: pick(g, []string{"amount", "fee", "num"}), Where: g.where()}
	having := func(s *Stream) bool { return s.has([]string{t.Sum}) && (t.Where == nil || s.has(t.Where.Uses)) }
	streams := slices.DeleteFunc(g.alike(t.Sum), func(s *Stream) bool { return !having(s) })
	where := t.Where
	switch {
	case len(streams) == 0:
		return
	case p.Listed && (len(streams) < len(g.feeds) || g.chance(2)):
		streams = streams[:1]
		where = ofStream(streams[0].Name, t.Where)
	}
	p.Folds = append(p.Folds, Fold{Name: "moves", Kind: "sum", Expr: columnFormula(t.Sum), Where: where})
	p.Conserve = append(p.Conserve, Conserve{t.Name, "moves"})
	g.total(p, streams, t)
	if s := pick(g, g.feeds).stream; g.chance(3) { // one that no pipeline conserves
		by := pick(g, [][]string{{"kind"}, {"acct", "payer"}, {"day"}})
		aside := Total{Name: "aside", Sum: "amount", By: by[0]}
		if s.Column(aside.By) == nil {
			aside.By = by[1]
		}
		s.Totals = append(s.Totals, aside)
	}
}

// alike are the streams that have a column, as many as have it with the scale of the first of them.
func (g *generator) alike(column string) (streams []*Stream) {
	for _, s := range g.streams() {
		if c := s.Column(column); c != nil && (len(streams) == 0 || c.Type.Scale == streams[0].Column(column).Type.Scale) {
			streams = append(streams, s)
		}
	}
	return streams
}

// total declares a total in streams, grouped by one of their key columns, or not at all. Together they keep their scale.
func (g *generator) total(p *Pipeline, streams []*Stream, t Total) {
	by := -1
	if g.chance(2) {
		by = g.IntN(len(p.Key))
	}
	for _, s := range streams {
		if by >= 0 && !p.groups(s, by) {
			by = -1
		}
	}
	for _, s := range streams {
		if by >= 0 {
			t.By = p.KeyOf(s.Name)[by]
		}
		s.Totals = append(s.Totals, t)
	}
	if len(streams) > 1 {
		g.order = append(g.order, t.Sum)
	}
}
