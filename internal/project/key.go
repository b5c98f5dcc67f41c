// A pipeline's key: how it is declared, its parts and types over the streams, and which events have no key.

package project

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/project/doc"

	"go.yaml.in/yaml/v3"
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

// BareName matches an element of a key that is the name of a column; all others are SQL.
var BareName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// keyElement is one element of a key as it is declared.
type keyElement struct {
	name string // declared name of the artifact's column; empty if it is that of a column
	part string // a column, or SQL
}

// readKey reads the key. If all streams have the same columns Keys stays nil: the fingerprints of stored records depend on it.
func (p *Pipeline) readKey(o doc.Section) {
	n := o.Values["key"]
	if n == nil || n.Kind != yaml.MappingNode {
		elements := readElements(o, "key")
		given := map[string][]keyElement{}
		for _, stream := range p.From {
			given[stream] = elements
		}
		if slices.ContainsFunc(elements, func(e keyElement) bool { return e.name != "" || !BareName.MatchString(e.part) }) {
			p.setKey(o, given)
			return
		}
		for _, e := range elements {
			p.Key = append(p.Key, e.part)
		}
		return
	}
	if len(p.From) == 0 {
		return // which has been reported
	}
	if len(n.Content) > 0 && doc.Nearest(n.Content[0].Value, p.From) == "" && !slices.Contains(p.From, n.Content[0].Value) {
		o.Fail("key", "is a mapping of something other than the streams of `from`: a mapping says what the key is in each stream; name an expression as in [{%s: \"…\"}]", n.Content[0].Value)
		return
	}
	keys, given := o.Sub("key", p.From...), map[string][]keyElement{}
	for _, stream := range p.From {
		given[stream] = readElements(keys, stream)
	}
	keys.Require(p.From...)
	p.setKey(o, given)
	first := given[p.From[0]]
	for _, stream := range p.From[1:] {
		if n := len(given[stream]); n > 0 && len(first) > 0 && n != len(first) {
			keys.Fail(stream, "has %d key columns and %s has %d: all streams need the same number", n, doc.Brief(p.From[0]), len(first))
		}
	}
}

// setKey sets the key of each stream, and finds the names of its columns.
func (p *Pipeline) setKey(o doc.Section, given map[string][]keyElement) {
	p.Keys = map[string][]string{}
	if len(p.From) == 0 {
		return
	}
	for _, stream := range p.From {
		for _, e := range given[stream] {
			p.Keys[stream] = append(p.Keys[stream], e.part)
		}
	}
	for i := range given[p.From[0]] {
		name := p.keyName(o, given, i)
		if name != "" && slices.Contains(p.Key, name) {
			o.Src.FailAt(p.KeyPath(p.From[0], i), "two columns of the key are named %s: give one another name, as in [{other: \"…\"}]", doc.Brief(name))
		}
		p.Key = append(p.Key, name)
	}
}

// keyName is the name of the i-th key column in artifacts: the declared one, or that of the first stream's column.
func (p *Pipeline) keyName(o doc.Section, given map[string][]keyElement, i int) (name string) {
	column := ""
	for _, stream := range p.From {
		if i >= len(given[stream]) {
			continue // which is reported
		}
		e := given[stream][i]
		switch {
		case e.name != "" && name != "" && e.name != name:
			o.Src.FailAt(p.KeyPath(stream, i), "one column of the key is named %s and %s: it has one name in all streams", doc.Brief(name), doc.Brief(e.name))
		case e.name != "":
			name = e.name
		case column == "" && BareName.MatchString(e.part):
			column = e.part
		}
	}
	if name == "" {
		name = column
	}
	if part := given[p.From[0]][i].part; name == "" && part != "" {
		o.Src.FailAt(p.KeyPath(p.From[0], i), "the key has an expression and no stream's column gives it a name: write [{name: \"%s\"}]", part)
	}
	return name
}

// KeyPath is the path of an element of a stream's key.
func (p *Pipeline) KeyPath(stream string, i int) string {
	if _, own := p.lines["key."+stream]; own {
		return item("key."+stream, i)
	}
	return item("key", i)
}

// readElements reads the elements of a key: a text, or a list of texts and of names with an expression each.
func readElements(o doc.Section, key string) (elements []keyElement) {
	n := o.Values[key]
	if n == nil || n.Kind != yaml.SequenceNode || !slices.ContainsFunc(n.Content, func(x *yaml.Node) bool { return x.Kind == yaml.MappingNode }) {
		for _, text := range o.List(key) {
			elements = append(elements, keyElement{part: text})
		}
		return elements
	}
	if len(n.Content) > doc.MaxEntries {
		o.Fail(key, "has more than %d elements", doc.MaxEntries)
		return nil
	}
	for i, value := range n.Content {
		path := fmt.Sprintf("%s.%d", o.At(key), i)
		o.Src.Lines[path] = value.Line
		e, ok := readKeyElement(o.Src, value, path)
		if ok && slices.ContainsFunc(elements, func(x keyElement) bool { return x.part == e.part }) {
			o.Src.Fail(value.Line, "%s lists %s twice", doc.Brief(key), doc.Brief(e.part))
			continue
		}
		elements = append(elements, e)
	}
	return elements
}

func readKeyElement(s *doc.File, n *yaml.Node, path string) (e keyElement, ok bool) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" && n.Value != "" {
		return keyElement{part: n.Value}, true
	}
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 {
		s.Fail(n.Line, "an element of the key is a column, an SQL expression, or one name with one, as in {day: \"…\"}")
		return e, false
	}
	o := s.Section(n, path)
	for _, e.name = range o.Keys {
		if !doc.IsName(e.name) {
			s.Fail(n.Line, "%s is not a valid name: names are lower-case letters, digits and _, and start with a letter", doc.Brief(e.name))
			return e, false
		}
		e.part = o.Expression(e.name)
	}
	return e, e.part != ""
}
