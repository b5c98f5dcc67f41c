// Keys that may be null: optional columns and expressions, with their meaning in Go.

package auditor

import (
	"fmt"
	"slices"
	"strings"
)

// keyFormulas are the expressions that keys are made of.
var keyFormulas = map[string]*Formula{}

// keyFormula is an expression of a key, and what it gives in a row.
func keyFormula(sql, typed string, of func(Row) Value) string {
	keyFormulas[sql] = &Formula{SQL: sql, Type: typeOf(typed), Eval: of}
	return sql
}

// The expressions: texts, and whole numbers.
var (
	orderOrAcct  = keyFormula(`coalesce("order", acct)`, "acct", firstOf("order", "acct"))
	orderOrPayer = keyFormula(`coalesce("order", payer)`, "payer", firstOf("order", "payer"))
	kindButA     = keyFormula("nullif(kind, 'a')", "kind", func(r Row) Value { return unless(r["kind"], r["kind"].text == "a") })
	acctOfB      = keyFormula("CASE WHEN kind = 'b' THEN acct END", "acct", func(r Row) Value { return unless(r["acct"], r["kind"].text != "b") })
	someNumber   = keyFormula("nullif(num, 0)", "num", func(r Row) Value { return unless(r["num"], r["num"].number.Sign() == 0) })
)

func firstOf(first, second string) func(Row) Value {
	return func(r Row) Value {
		if v := r[first]; !v.IsNull() {
			return v
		}
		return r[second]
	}
}

// unless is a value, or null where something holds.
func unless(v Value, null bool) Value {
	if null {
		return Value{}
	}
	return v
}

// textParts are the texts that a stream may have in its key.
func textParts(s *Stream) []string {
	acct := "acct"
	if s.Column(acct) == nil {
		acct = "payer"
	}
	parts := []string{acct, kindButA}
	if acct == "acct" {
		parts = append(parts, acctOfB)
	}
	if s.Column("order") != nil {
		parts = append(parts, "order", map[string]string{"acct": orderOrAcct, "payer": orderOrPayer}[acct])
	}
	return parts
}

// pickOptionalKey picks a key that events may lack: its columns are texts and numbers, by stream.
func (g *generator) pickOptionalKey(p *Pipeline) {
	keys := map[string][]string{}
	for _, s := range g.streams() {
		keys[s.Name] = append(keys[s.Name], pick(g, textParts(s)))
	}
	if g.chance(3) {
		for _, s := range g.streams() {
			keys[s.Name] = append(keys[s.Name], pick(g, []string{"num", someNumber}))
		}
	}
	p.Key = make([]string, len(keys[p.From[0]]))
	p.Keys, p.Named = keys, g.chance(3)
	for i := range p.Key {
		for _, stream := range p.From {
			if part := keys[stream][i]; p.Key[i] == "" && keyFormulas[part] == nil {
				p.Key[i] = part
			}
		}
		p.Named = p.Named || p.Key[i] == ""
	}
	if p.Named {
		for i := range p.Key {
			p.Key[i] = fmt.Sprintf("k%d", i)
		}
	}
}

// keyIn is a row's key in a stream; nil where a column of it is null.
func (p *Pipeline) keyIn(stream string, row Row) []Value {
	var key []Value
	for _, part := range p.KeyOf(stream) {
		v := row[part]
		if f := keyFormulas[part]; f != nil {
			v = f.Eval(row)
		}
		if v.IsNull() {
			return nil
		}
		key = append(key, v)
	}
	return key
}

// keyType is the type that a stream has in a place of its key.
func (p *Pipeline) keyType(s *Stream, i int) Type {
	part := p.KeyOf(s.Name)[i]
	if f := keyFormulas[part]; f != nil {
		return f.Type(typesOf([]*Stream{s}))
	}
	return s.Column(part).Type
}

// groups reports whether a total of a stream may be grouped by a place of the key: by a column that no event lacks.
func (p *Pipeline) groups(s *Stream, i int) bool {
	c := s.Column(p.KeyOf(s.Name)[i])
	return c != nil && !c.Optional
}

// keyList is a stream's key in its file.
func (p *Pipeline) keyList(stream string) string {
	parts := slices.Clone(p.Keys[stream])
	for i, part := range parts {
		parts[i] = quote(part)
		if p.Named {
			parts[i] = "{" + p.Key[i] + ": " + quote(part) + "}"
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
