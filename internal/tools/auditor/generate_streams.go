// Generates random streams.

package auditor

import (
	"math/big"
	"slices"
)

// makeStreams declares one stream or several. Columns of one name go together: their types are widened to one.
func (g *generator) makeStreams() {
	money := g.money()
	names := []string{"events", "bank", "ledger"}
	for _, name := range names[:1+g.IntN(max(1, g.size.Streams))] {
		g.feed = &feed{}
		g.feeds = append(g.feeds, g.feed)
		g.makeStream(name, money)
		g.vary(g.stream)
		if g.chance(2) {
			money = g.money()
		}
	}
}

func (g *generator) money() Type {
	return pick(g, []Type{{Decimal, 9, 2}, {Decimal, 18, 2}, {Decimal, 12, 3}, {Decimal, 38, 10}, {Decimal, 18, 0}})
}

// vary takes columns away, and gives one another name where there is another stream before.
func (g *generator) vary(s *Stream) {
	s.Columns = slices.DeleteFunc(s.Columns, func(c Column) bool {
		return slices.Contains([]string{"fee", "order", "flag", "when"}, c.Name) && s.Column("gross") == nil && g.chance(3)
	})
	if acct := s.Column("acct"); len(g.feeds) > 1 && g.chance(2) {
		acct.Name = "payer"
	}
}

// makeStream declares a stream: a fixed stock of columns, each with its type, place and options by chance.
func (g *generator) makeStream(name string, money Type) {
	s := &Stream{Name: name}
	if g.isCSV = g.chance(4); g.isCSV {
		s.Delimiter = pick(g, []byte{',', ';', '|'})
		s.NoHeader = g.chance(4)
	}
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
	if g.size.Versions {
		g.keepVersions(s)
	}
	g.Shuffle(len(s.Columns), func(i, k int) { s.Columns[i], s.Columns[k] = s.Columns[k], s.Columns[i] })
	g.stream = s
}

func (g *generator) place(s *Stream, c *Column) {
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

// formats are the date formats of files.
var formats = []*Format{{"%d.%m.%Y", "2.1.2006"}, {"%y%m%d", "060102"}, {"%Y%m%d", "20060102"}, {"%d %b %Y", "2 Jan 2006"}}

// style sets how the values of a column are written.
func (g *generator) style(c *Column) {
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
func (g *generator) computed(money Type) Column {
	c := Column{Name: "gross", Type: money, Optional: g.chance(2)}
	switch g.IntN(3) {
	case 0:
		c.Is = &Formula{SQL: "amount + amount", Uses: []string{"amount"}, Eval: func(r Row) Value {
			return numberValue(Decimal, new(big.Rat).Add(r["amount"].number, r["amount"].number))
		}}
	case 1:
		c.Is = signed
	default:
		c.Is = &Formula{SQL: "CASE WHEN fee > 0 THEN amount END", Uses: []string{"amount", "fee"}, Eval: func(r Row) Value {
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
	return &Formula{SQL: name, Uses: []string{name}, Type: typeOf(name), Eval: func(r Row) Value { return r[name] }}
}

// signed is the amount with a sign by kind.
var signed = &Formula{
	SQL: "CASE WHEN kind = 'a' THEN amount ELSE -amount END", Uses: []string{"kind", "amount"}, Type: typeOf("amount"),
	Eval: func(r Row) Value {
		if r["kind"].text == "a" {
			return r["amount"]
		}
		return numberValue(Decimal, new(big.Rat).Neg(r["amount"].number))
	},
}
