// Reads a pipeline's key: columns and expressions, the same for all streams or declared per stream.

package project

import (
	"fmt"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"

	"bursar/internal/project/doc"
)

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

// readKeyElement reads one item of a key's list.
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
		if !doc.NamePattern.MatchString(e.name) {
			s.Fail(n.Line, "%s is not a valid name: names are lower-case letters, digits and _, and start with a letter", doc.Brief(e.name))
			return e, false
		}
		e.part = o.Expression(e.name)
	}
	return e, e.part != ""
}
