// project.go makes random streams and pipelines.

package auditor

import (
	"fmt"
	"math/big"
	"slices"
)

// makeStream declares a stream: a fixed stock of columns, each with its type, place and options by chance.
func (g *source) makeStream() {
	s := &Stream{Name: "events"}
	if g.plain = g.chance(4); g.plain {
		s.Delimiter = pick(g, []byte{',', ';', '|'})
		s.Bare = g.chance(4)
	}
	money := pick(g, []Type{{Decimal, 9, 2}, {Decimal, 18, 2}, {Decimal, 12, 3}, {Decimal, 38, 10}, {Decimal, 18, 0}})
	s.Columns = []Column{
		{Name: "id", Type: Type{Kind: Text}},
		{Name: "part", Type: Type{Kind: pick(g, []Kind{Int, BigInt})}},
		{Name: "kind", Type: Type{Kind: Text}, In: []string{"a", "b", "c"}[:2+g.IntN(2)]},
		{Name: "acct", Type: Type{Kind: Text}},
		{Name: "num", Type: Type{Kind: pick(g, []Kind{Int, BigInt})}},
		{Name: "day", Type: Type{Kind: Date}},
		{Name: "at", Type: Type{Kind: Timestamp}},
		{Name: "amount", Type: money},
		{Name: "memo", Type: Type{Kind: Text}},
		{Name: "fee", Type: Type{Decimal, 10, 2}, Optional: true},
		{Name: "order", Type: Type{Kind: Text}, Optional: true}, // a SQL keyword
		{Name: "flag", Type: Type{Kind: Flag}, Optional: true},
		{Name: "when", Type: Type{Kind: Timestamp}, Optional: true},
	}
	if g.chance(4) {
		s.Columns = append(s.Columns, g.computed(money))
	}
	for i := range s.Columns {
		g.place(s, &s.Columns[i])
		g.style(&s.Columns[i])
	}
	s.ID = pick(g, [][]string{{"id"}, {"id"}, {"id"}, {"id", "part"}, {"part", "id"}, {"num", "id"}, {"_row"}, {"_content"}})
	if g.chance(5) {
		s.Dedupe = 1 + g.IntN(9)
	}
	g.Shuffle(len(s.Columns), func(i, k int) { s.Columns[i], s.Columns[k] = s.Columns[k], s.Columns[i] })
	g.stream = s
}

// place says where a column stands in files.
func (g *source) place(s *Stream, c *Column) {
	if c.Is != nil {
		return
	}
	c.From = []string{c.Name}
	switch {
	case !g.chance(4):
	case s.Delimiter != 0:
		c.From = []string{"The " + c.Name}
	default:
		c.From = []string{"data", c.Name}
	}
}

// formats are how files may write dates.
var formats = []*Format{{"%d.%m.%Y", "2.1.2006"}, {"%y%m%d", "060102"}, {"%Y%m%d", "20060102"}, {"%d %b %Y", "2 Jan 2006"}}

// style says how a column's values are written.
func (g *source) style(c *Column) {
	if c.Is != nil || !g.chance(4) {
		return
	}
	switch c.Type.Kind {
	case Date:
		c.Format = pick(g, formats)
	case Decimal:
		c.Comma = true
	case Timestamp:
		c.Zone = "Europe/Prague"
	}
}

// computed is a computed column, which some rows overflow.
func (g *source) computed(money Type) Column {
	c := Column{Name: "gross", Type: money, Optional: g.chance(2)}
	switch g.IntN(3) {
	case 0:
		c.Is = &Formula{SQL: "amount + amount", Uses: []string{"amount"}, Of: func(r Row) Value {
			return numberValue(Decimal, new(big.Rat).Add(r["amount"].number, r["amount"].number))
		}}
	case 1:
		c.Is = signed
	default:
		c.Is = &Formula{SQL: "CASE WHEN fee > 0 THEN amount END", Uses: []string{"amount", "fee"}, Of: func(r Row) Value {
			if fee := r["fee"]; fee.IsNull() || fee.number.Sign() <= 0 {
				return Value{}
			}
			return r["amount"]
		}}
	}
	c.Is.Type = typeOf("amount")
	return c
}

func typeOf(name string) func(map[string]Type) Type {
	return func(types map[string]Type) Type { return types[name] }
}

func columnFormula(name string) *Formula {
	return &Formula{SQL: name, Uses: []string{name}, Type: typeOf(name), Of: func(r Row) Value { return r[name] }}
}

// signed is the amount with a sign by kind.
var signed = &Formula{
	SQL: "CASE WHEN kind = 'a' THEN amount ELSE -amount END", Uses: []string{"kind", "amount"}, Type: typeOf("amount"),
	Of: func(r Row) Value {
		if r["kind"].text == "a" {
			return r["amount"]
		}
		return numberValue(Decimal, new(big.Rat).Neg(r["amount"].number))
	},
}

// conditions are what events are chosen by.
var conditions = []*Condition{
	{"kind = 'a'", func(r Row) bool { return r["kind"].text == "a" }},
	{"kind <> 'a'", func(r Row) bool { return r["kind"].text != "a" }},
	{"kind IN ('b', 'c')", func(r Row) bool { return r["kind"].text == "b" || r["kind"].text == "c" }},
	{"num > 0", func(r Row) bool { return r["num"].number.Sign() > 0 }},
	{"amount < 0", func(r Row) bool { return r["amount"].number.Sign() < 0 }},
	{"fee IS NULL", func(r Row) bool { return r["fee"].IsNull() }},
	{"fee > 0.5", func(r Row) bool { return !r["fee"].IsNull() && r["fee"].number.Cmp(big.NewRat(1, 2)) > 0 }},
	{`"order" IS NOT NULL AND flag`, func(r Row) bool {
		return !r["order"].IsNull() && !r["flag"].IsNull() && r["flag"].number.Sign() > 0
	}},
	{"acct = 'a'", func(r Row) bool { return r["acct"].text == "a" }},
}

func (g *source) where() *Condition {
	if g.chance(2) {
		return nil
	}
	return pick(g, conditions)
}

// pipeline declares a pipeline over the stream, and totals that it truly conserves.
func (g *source) pipeline() *Pipeline {
	p := &Pipeline{Name: "books"}
	p.Key = pick(g, [][]string{
		{"acct"},
		{"acct"},
		{"num"},
		{"day"},
		{"at"},
		{"kind"},
		{"amount"},
		{"id"},
		{"acct", "kind"},
		{"kind", "num"},
		{"day", "acct"},
		{"num", "day"},
		{"at", "num"},
		{"amount", "acct"},
	})
	for i := range 1 + g.IntN(5) {
		p.Folds = append(p.Folds, g.fold(fmt.Sprintf("f%d", i)))
	}
	if g.chance(2) {
		g.balance(p)
	}
	if g.chance(2) {
		g.conserve(p)
	}
	g.Shuffle(len(p.Folds), func(i, k int) { p.Folds[i], p.Folds[k] = p.Folds[k], p.Folds[i] })
	if g.chance(2) {
		p.Partitions = []int{1, 1, 1, 1, 1, 2, 2, 3, 8}[g.IntN(9)]
		p.MaxBatches, p.MaxEvents = 1+g.IntN(3), 1+g.IntN(200)
	}
	if g.size.Backlog {
		p.Partitions, p.MaxBatches, p.MaxEvents = 1+g.IntN(3), 1, 200
	}
	return p
}

// fold is one column that is folded from events.
func (g *source) fold(name string) Fold {
	var all, ordered, numbers []string
	for _, c := range g.stream.Columns {
		all = append(all, c.Name)
		if c.Type.Kind != Flag {
			ordered = append(ordered, c.Name)
		}
		if slices.Contains([]Kind{Int, BigInt, Decimal}, c.Type.Kind) {
			numbers = append(numbers, c.Name)
		}
	}
	f := Fold{Name: name, Kind: pick(g, []string{"count", "sum", "sum", "min", "max", "first", "last", "last", "list"}), Where: g.where()}
	switch f.Kind {
	case "count":
	case "sum":
		f.Of = columnFormula(pick(g, numbers))
		if g.chance(4) {
			f.Of = signed
		}
	case "min", "max":
		f.Of = columnFormula(pick(g, ordered))
	case "first", "last":
		f.Of, f.By = columnFormula(pick(g, all)), g.by(ordered, all)
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

// by is what orders; a stream whose ids do not tell its events apart is ordered by every column.
func (g *source) by(ordered, all []string) []string {
	by := some(g, ordered, 2)
	g.Shuffle(len(by), func(i, k int) { by[i], by[k] = by[k], by[i] })
	if g.stream.Orders() {
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
func (g *source) balance(p *Pipeline) {
	p.Folds = append(p.Folds,
		Fold{Name: "credit", Kind: "sum", Of: columnFormula("amount"), Where: conditions[0]},
		Fold{Name: "debit", Kind: "sum", Of: columnFormula("amount"), Where: conditions[1]},
		Fold{Name: "balance", Kind: "is", Of: &Formula{
			SQL: "credit - debit", Uses: []string{"credit", "debit"}, Type: typeOf("credit"),
			Of: func(r Row) Value {
				return numberValue(Decimal, new(big.Rat).Sub(r["credit"].number, r["debit"].number))
			},
		}},
		Fold{Name: "status", Kind: "is", Of: &Formula{
			SQL:  "CASE WHEN balance = 0 THEN 'even' WHEN balance > 0 THEN 'open' ELSE 'over' END",
			Uses: []string{"balance"}, Type: func(map[string]Type) Type { return Type{Kind: Text} },
			Of: func(r Row) Value { return textValue([]string{"over", "even", "open"}[r["balance"].number.Sign()+1]) },
		}},
	)
	if g.chance(2) {
		p.Conserve = append(p.Conserve, Conserve{"whole", "credit + debit"})
		g.stream.Totals = append(g.stream.Totals, g.total(p, Total{Name: "whole", Sum: "amount"}))
	}
}

// conserve adds a total and the fold that moves by it.
func (g *source) conserve(p *Pipeline) {
	t := Total{Name: "moved", Sum: pick(g, []string{"amount", "fee", "num"}), Where: g.where()}
	p.Folds = append(p.Folds, Fold{Name: "moves", Kind: "sum", Of: columnFormula(t.Sum), Where: t.Where})
	p.Conserve = append(p.Conserve, Conserve{t.Name, "moves"})
	g.stream.Totals = append(g.stream.Totals, g.total(p, t))
	if g.chance(3) { // one that no pipeline conserves
		g.stream.Totals = append(g.stream.Totals, Total{Name: "aside", Sum: "amount", By: pick(g, []string{"kind", "acct", "day"})})
	}
}

// total groups a total by a key column, or not at all.
func (g *source) total(p *Pipeline, t Total) Total {
	if g.chance(2) {
		t.By = pick(g, p.Key)
	}
	return t
}
