// Binds the expressions of a key.

package bind

import (
	"strings"

	"bursar/internal/column"
	"bursar/internal/project"
	"bursar/internal/project/doc"
)

// keyKinds are the possible types of key columns.
var keyKinds = []column.Kind{column.String, column.Bool, column.Int, column.BigInt, column.Decimal, column.Date, column.Timestamp}

// bindKey binds the expressions of the key, and sets the types of their columns.
func (src *binding) bindKey(p *project.Pipeline, e *project.Events) {
	for i := range e.Key {
		if k := &e.Key[i]; k.Type.Kind == 0 {
			src.keyType(p, e, i)
		}
	}
}

// keyType sets the type of one column of the key: the common type in all streams.
func (src *binding) keyType(p *project.Pipeline, e *project.Events, i int) {
	k := &e.Key[i]
	for _, name := range p.From {
		t, ok := src.partType(p, e.Stream(name), i)
		if !ok {
			continue
		}
		both, ok := project.Widen(k.Type, t)
		if !ok {
			src.FailAt(p.KeyPath(name, i), "key column %s must have one type: %s gives %s, and in the streams named before it is %s", doc.Brief(k.Name), doc.Brief(p.KeyOf(name)[i]), t, k.Type)
			continue
		}
		k.Type = both
	}
}

// partType returns the type of a key column in a stream.
func (src *binding) partType(p *project.Pipeline, s *project.Stream, i int) (column.Type, bool) {
	part, path := p.KeyOf(s.Name)[i], p.KeyPath(s.Name, i)
	if project.BareName.MatchString(part) {
		return s.Column(part).Type, true
	}
	t, err := src.bindType(s.Types(), part, column.InRuns)
	if err != nil {
		src.FailAt(path, "key expression %s does not bind: %s", doc.Brief(part), strings.Join(strings.Fields(err.Error()), " "))
		return t, false
	}
	if !project.IsKind(t, keyKinds...) {
		src.FailAt(path, "key expression %s gives %s: a key is string, bool, int, bigint, decimal, date or timestamp", doc.Brief(part), t)
		return t, false
	}
	return t, true
}

// checkKeyLiterals checks the conditions in the key's expressions.
func (src *binding) checkKeyLiterals(p *project.Pipeline, e *project.Events) {
	for _, s := range e.Streams {
		for i, part := range p.KeyOf(s.Name) {
			if !project.BareName.MatchString(part) {
				src.checkExprLiterals(p.KeyPath(s.Name, i), part, declaredDomains([]*project.Stream{s}))
			}
		}
	}
}
