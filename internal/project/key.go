// A pipeline's key over its streams: its parts, their types, and which events have no key.

package project

import (
	"fmt"
	"strings"

	"bursar/internal/column"
	"bursar/internal/project/doc"
)

// KeyPart defines a column of the key for the events of a stream.
type KeyPart struct {
	SQL      string // over the stream's own columns
	Column   string // the stream's column; empty for an expression
	Optional bool   // it may be null
}

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
		if !BareName.MatchString(own[i]) {
			k.Parts[s.Name], bound = KeyPart{SQL: "(" + own[i] + "\n)", Optional: true}, false
			continue
		}
		c := s.Column(own[i])
		if c == nil {
			return k, false
		}
		if k.Type, ok = Widen(k.Type, c.Type); !ok {
			return k, false
		}
		k.Parts[s.Name] = KeyPart{SQL: column.QuoteIdentifier(c.Name), Column: c.Name, Optional: c.Optional}
	}
	if !bound {
		k.Type = column.Type{}
	}
	return k, true
}

// Widen returns the common type of both; a zero type is ignored.
func Widen(a, b column.Type) (column.Type, bool) {
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
func (p *Pipeline) checkKey(src *doc.File, s *Stream) {
	for i, part := range p.KeyOf(s.Name) {
		if !BareName.MatchString(part) {
			continue // which is bound
		}
		path := p.KeyPath(s.Name, i)
		if c := s.reference(src, path, part); c != nil {
			s.checkDistinct(src, path, "key", c)
		}
	}
}

// checkKeyTypes reports corresponding key columns of different names whose types have no common type. Columns of the same name are
// reported by checkColumns.
func (p *Pipeline) checkKeyTypes(src *doc.File, project *Project) {
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
				src.FailAt(p.KeyPath(stream, i), "key columns must have one type: %s is %s in %s:%d and %s is %s in %s:%d",
					doc.Brief(a.Name), a.Type, first.File, a.Line, doc.Brief(b.Name), b.Type, s.File, b.Line)
			}
		}
	}
}
