// Binds the expressions of a key.

package project

import (
	"strings"

	"bursar/internal/column"
	"bursar/internal/project/doc"
)

// keyKinds are the possible types of key columns.
var keyKinds = []column.Kind{column.String, column.Bool, column.Int, column.BigInt, column.Decimal, column.Date, column.Timestamp}

// bindKey binds the expressions of the key, and sets the types of their columns.
func (src *binding) bindKey(p *Pipeline, e *Events) {
	for i := range e.Key {
		if k := &e.Key[i]; k.Type.Kind == 0 {
			src.keyType(p, e, i)
		}
	}
}

// keyType sets the type of one column of the key: the common type in all streams.
func (src *binding) keyType(p *Pipeline, e *Events, i int) {
	k := &e.Key[i]
	for _, name := range p.From {
		t, ok := src.partType(p, e.Stream(name), i)
		if !ok {
			continue
		}
		both, ok := widen(k.Type, t)
		if !ok {
			src.FailAt(p.keyPath(name, i), "key column %s must have one type: %s gives %s, and in the streams named before it is %s", doc.Brief(k.Name), doc.Brief(p.KeyOf(name)[i]), t, k.Type)
			continue
		}
		k.Type = both
	}
}

// partType returns the type of a key column in a stream.
func (src *binding) partType(p *Pipeline, s *Stream, i int) (column.Type, bool) {
	part, path := p.KeyOf(s.Name)[i], p.keyPath(s.Name, i)
	if bareName.MatchString(part) {
		return s.Column(part).Type, true
	}
	t, err := src.bindType(s.Types(), part, column.InRuns)
	if err != nil {
		src.FailAt(path, "key expression %s does not bind: %s", doc.Brief(part), strings.Join(strings.Fields(err.Error()), " "))
		return t, false
	}
	if !isKind(t, keyKinds...) {
		src.FailAt(path, "key expression %s gives %s: a key is string, bool, int, bigint, decimal, date or timestamp", doc.Brief(part), t)
		return t, false
	}
	return t, true
}

// checkKeyLiterals checks the conditions in the key's expressions.
func (src *binding) checkKeyLiterals(p *Pipeline, e *Events) {
	for _, s := range e.Streams {
		for i, part := range p.KeyOf(s.Name) {
			if !bareName.MatchString(part) {
				src.checkExprLiterals(p.keyPath(s.Name, i), part, declaredDomains([]*Stream{s}))
			}
		}
	}
}
