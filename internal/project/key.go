// A pipeline's key over its streams: its parts, their types, and which events have no key.

package project

import (
	"fmt"
	"strings"

	"bursar/internal/column"
)

// KeyPart defines a column of the key for the events of a stream.
type KeyPart struct {
	SQL      string // over the stream's own columns
	Column   string // the stream's column; empty for an expression
	Optional bool   // it may be null
}

// keyKinds are the possible types of key columns.
var keyKinds = []column.Kind{column.String, column.Bool, column.Int, column.BigInt, column.Decimal, column.Date, column.Timestamp}

// keyColumn returns the i-th column of the key; ok is false if a stream has no such column, or columns have types without a common
// one. If a part is an expression the type is not known yet.
func (p *Pipeline) keyColumn(i int, streams []*Stream) (k KeyColumn, ok bool) {
	k = KeyColumn{Field: column.Field{Name: p.Key[i], Required: true}, Event: p.Key[i], Parts: map[string]KeyPart{}}
	if p.Keys != nil {
		k.Event = fmt.Sprintf("__key_%d", i)
	}
	bound := true
	for _, s := range streams {
		own := p.KeyOf(s.Name)
		if i >= len(own) {
			return k, false
		}
		if !bareName.MatchString(own[i]) {
			k.Parts[s.Name], bound = KeyPart{SQL: "(" + own[i] + "\n)", Optional: true}, false
			continue
		}
		c := s.Column(own[i])
		if c == nil {
			return k, false
		}
		if k.Type, ok = widen(k.Type, c.Type); !ok {
			return k, false
		}
		k.Parts[s.Name] = KeyPart{SQL: column.QuoteIdentifier(c.Name), Column: c.Name, Optional: c.Optional}
	}
	if !bound {
		k.Type = column.Type{}
	}
	return k, true
}

// widen returns the common type of both; a zero type is ignored.
func widen(a, b column.Type) (column.Type, bool) {
	if a.Kind == 0 {
		return b, true
	}
	return column.Widen(a, b)
}

// MayLackKeys reports whether there may be events without a key.
func (e *Events) MayLackKeys() bool {
	for _, s := range e.Streams {
		if e.Unkeyed(s.Name) != "" {
			return true
		}
	}
	return false
}

// Unkeyed returns the condition, over a stream's own columns, that an event has no key: a part of its key is null. It is empty if
// that is impossible.
func (e *Events) Unkeyed(stream string) string {
	var missing []string
	for _, k := range e.Key {
		if part := k.Parts[stream]; part.Optional {
			missing = append(missing, part.SQL+" IS NULL")
		}
	}
	return strings.Join(missing, " OR ")
}

// checkKey reports errors in the key columns of one stream.
func (p *Pipeline) checkKey(src *sourceFile, s *Stream) {
	for i, part := range p.KeyOf(s.Name) {
		if !bareName.MatchString(part) {
			continue // which is bound
		}
		path := p.keyPath(s.Name, i)
		if c := s.reference(src, path, part); c != nil {
			s.checkDistinct(src, path, "key", c)
		}
	}
}

// checkKeyTypes reports corresponding key columns of different names whose types have no common type. Columns of the same name are
// reported by checkColumns.
func (p *Pipeline) checkKeyTypes(src *sourceFile, project *Project) {
	first := project.Stream(p.From[0])
	for i, name := range p.KeyOf(first.Name) {
		a := first.Column(name)
		for _, stream := range p.From[1:] {
			own, s := p.KeyOf(stream), project.Stream(stream)
			if a == nil || i >= len(own) || own[i] == name || s.Column(own[i]) == nil {
				continue
			}
			b := s.Column(own[i])
			if _, ok := column.Widen(a.Type, b.Type); !ok && a.Type.Kind != 0 && b.Type.Kind != 0 {
				src.failAt(p.keyPath(stream, i), "key columns must have one type: %s is %s in %s:%d and %s is %s in %s:%d",
					brief(a.Name), a.Type, first.File, a.Line, brief(b.Name), b.Type, s.File, b.Line)
			}
		}
	}
}

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
			src.failAt(p.keyPath(name, i), "key column %s must have one type: %s gives %s, and in the streams named before it is %s", brief(k.Name), brief(p.KeyOf(name)[i]), t, k.Type)
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
		src.failAt(path, "key expression %s does not bind: %s", brief(part), strings.Join(strings.Fields(err.Error()), " "))
		return t, false
	}
	if !isKind(t, keyKinds...) {
		src.failAt(path, "key expression %s gives %s: a key is string, bool, int, bigint, decimal, date or timestamp", brief(part), t)
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
