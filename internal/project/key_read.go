// Reads a pipeline's key: columns and expressions, the same for all streams or declared per stream.

package project

import (
	"fmt"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"
)

// bareName matches an element of a key that is the name of a column; all others are SQL.
var bareName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// keyElement is one element of a key as it is declared.
type keyElement struct {
	name string // declared name of the artifact's column; empty if it is that of a column
	part string // a column, or SQL
}

// readKey reads the key. If all streams have the same columns Keys stays nil: the fingerprints of stored records depend on it.
func (p *Pipeline) readKey(o section) {
	n := o.values["key"]
	if n == nil || n.Kind != yaml.MappingNode {
		elements := o.elements("key")
		given := map[string][]keyElement{}
		for _, stream := range p.From {
			given[stream] = elements
		}
		if slices.ContainsFunc(elements, func(e keyElement) bool { return e.name != "" || !bareName.MatchString(e.part) }) {
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
	if len(n.Content) > 0 && nearest(n.Content[0].Value, p.From) == "" && !slices.Contains(p.From, n.Content[0].Value) {
		o.fail("key", "is a mapping of something other than the streams of `from`: a mapping says what the key is in each stream; name an expression as in [{%s: \"…\"}]", n.Content[0].Value)
		return
	}
	keys, given := o.sub("key", p.From...), map[string][]keyElement{}
	for _, stream := range p.From {
		given[stream] = keys.elements(stream)
	}
	keys.require(p.From...)
	p.setKey(o, given)
	first := given[p.From[0]]
	for _, stream := range p.From[1:] {
		if n := len(given[stream]); n > 0 && len(first) > 0 && n != len(first) {
			keys.fail(stream, "has %d key columns and %s has %d: all streams need the same number", n, brief(p.From[0]), len(first))
		}
	}
}

// setKey sets the key of each stream, and finds the names of its columns.
func (p *Pipeline) setKey(o section, given map[string][]keyElement) {
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
			o.src.failAt(p.keyPath(p.From[0], i), "two columns of the key are named %s: give one another name, as in [{other: \"…\"}]", brief(name))
		}
		p.Key = append(p.Key, name)
	}
}

// keyName is the name of the i-th key column in artifacts: the declared one, or that of the first stream's column.
func (p *Pipeline) keyName(o section, given map[string][]keyElement, i int) (name string) {
	column := ""
	for _, stream := range p.From {
		if i >= len(given[stream]) {
			continue // which is reported
		}
		e := given[stream][i]
		switch {
		case e.name != "" && name != "" && e.name != name:
			o.src.failAt(p.keyPath(stream, i), "one column of the key is named %s and %s: it has one name in all streams", brief(name), brief(e.name))
		case e.name != "":
			name = e.name
		case column == "" && bareName.MatchString(e.part):
			column = e.part
		}
	}
	if name == "" {
		name = column
	}
	if part := given[p.From[0]][i].part; name == "" && part != "" {
		o.src.failAt(p.keyPath(p.From[0], i), "the key has an expression and no stream's column gives it a name: write [{name: \"%s\"}]", part)
	}
	return name
}

// keyPath is the path of an element of a stream's key.
func (p *Pipeline) keyPath(stream string, i int) string {
	if _, own := p.lines["key."+stream]; own {
		return item("key."+stream, i)
	}
	return item("key", i)
}

// elements reads the elements of a key: a text, or a list of texts and of names with an expression each.
func (o section) elements(key string) (elements []keyElement) {
	n := o.values[key]
	if n == nil || n.Kind != yaml.SequenceNode || !slices.ContainsFunc(n.Content, func(x *yaml.Node) bool { return x.Kind == yaml.MappingNode }) {
		for _, text := range o.list(key) {
			elements = append(elements, keyElement{part: text})
		}
		return elements
	}
	if len(n.Content) > maxEntries {
		o.fail(key, "has more than %d elements", maxEntries)
		return nil
	}
	for i, value := range n.Content {
		path := fmt.Sprintf("%s.%d", o.at(key), i)
		o.src.lines[path] = value.Line
		e, ok := o.src.keyElement(value, path)
		if ok && slices.ContainsFunc(elements, func(x keyElement) bool { return x.part == e.part }) {
			o.src.fail(value.Line, "%s lists %s twice", brief(key), brief(e.part))
			continue
		}
		elements = append(elements, e)
	}
	return elements
}

// keyElement reads one item of a key's list.
func (s *sourceFile) keyElement(n *yaml.Node, path string) (e keyElement, ok bool) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" && n.Value != "" {
		return keyElement{part: n.Value}, true
	}
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 {
		s.fail(n.Line, "an element of the key is a column, an SQL expression, or one name with one, as in {day: \"…\"}")
		return e, false
	}
	o := s.section(n, path)
	for _, e.name = range o.keys {
		if !namePattern.MatchString(e.name) {
			s.fail(n.Line, "%s is not a valid name: names are lower-case letters, digits and _, and start with a letter", brief(e.name))
			return e, false
		}
		e.part = o.expression(e.name)
	}
	return e, e.part != ""
}
