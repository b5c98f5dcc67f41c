// A YAML mapping that is read key by key: typed values, and errors with their line.

package project

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// section is one mapping of a file. Its getters report errors and then return the zero value.
type section struct {
	src      *sourceFile
	path     string // "" for the whole file
	keys     []string
	values   map[string]*yaml.Node // nil if it is not a mapping
	misspelt map[string]bool       // known keys that unknown keys probably mean
}

// section opens a mapping with the known keys, or with any keys if none are given. A nil node is an empty mapping.
func (s *sourceFile) section(n *yaml.Node, path string, known ...string) section {
	o := section{src: s, path: path, values: map[string]*yaml.Node{}, misspelt: map[string]bool{}}
	if n == nil {
		return o
	}
	if n.Kind != yaml.MappingNode {
		s.failAt(path, "%s must be a mapping of keys to values", o.title())
		o.values = nil
		return o
	}
	if len(n.Content) > 2*maxEntries {
		s.failAt(path, "%s has more than %d keys", o.title(), maxEntries)
		o.values = nil
		return o
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if cut := o.cutAtComma(n, i, known); cut > 0 {
			o.misspelt[n.Content[i].Value] = true
			i += 2 * cut
			continue
		}
		o.add(n.Content[i], n.Content[i+1], known)
	}
	return o
}

func (o *section) add(key, value *yaml.Node, known []string) {
	name := key.Value
	switch {
	case key.Kind != yaml.ScalarNode:
		o.src.fail(key.Line, "a key must be a single name")
	case o.values[name] != nil:
		o.src.fail(key.Line, "key %s is given twice", brief(name))
	case len(known) > 0 && !slices.Contains(known, name):
		o.unknown(key, known)
	case key.ShortTag() != "!!str":
		o.src.fail(key.Line, "key %s is not text for YAML: put it in quotes", brief(name))
	default:
		line := key.Line
		if value.Kind == yaml.ScalarNode {
			line = value.Line
		}
		o.src.lines[o.at(name)] = line
		o.keys = append(o.keys, name)
		o.values[name] = value
	}
}

// unknown reports an unknown key, with the known one that it probably means.
func (o *section) unknown(key *yaml.Node, known []string) {
	if likely, write := splitKey(key.Value, known); likely != "" {
		o.misspelt[likely] = true
		o.src.fail(key.Line, "a space is missing after the colon: write `%s`", write)
		return
	}
	likely := nearest(key.Value, known)
	o.misspelt[likely] = true
	o.src.fail(key.Line, "unknown key %s%s", brief(key.Value), didYouMean(likely))
}

// at returns the path of one of the section's keys.
func (o section) at(key string) string {
	if o.path == "" {
		return key
	}
	return o.path + "." + key
}

func (o section) title() string {
	if o.path == "" {
		return "the file"
	}
	return brief(o.path)
}

func (o section) has(key string) bool { return o.values[key] != nil }

// fail reports an error in the value of a key.
func (o section) fail(key, format string, args ...any) {
	o.src.failAt(o.at(key), "%s %s", brief(key), fmt.Sprintf(format, args...))
}

// require reports missing keys, except those for which a misspelt one has been reported.
func (o section) require(keys ...string) {
	for _, key := range keys {
		if o.values != nil && !o.has(key) && !o.misspelt[key] {
			o.src.failAt(o.path, "%s has no %s", o.title(), brief(key))
		}
	}
}

// sub opens the mapping of a key.
func (o section) sub(key string, known ...string) section {
	return o.src.section(o.values[key], o.at(key), known...)
}

// named opens a mapping with names as keys and checks the names.
func (o section) named(key string) section {
	names := o.sub(key)
	for _, name := range names.keys {
		if !namePattern.MatchString(name) {
			o.src.failAt(names.at(name), "%s is not a valid name: names are lower-case letters, digits and _, and start with a letter", brief(name))
		}
	}
	if o.has(key) && o.values[key].Kind == yaml.MappingNode && len(o.values[key].Content) == 0 {
		o.fail(key, "is empty")
	}
	return names
}

// text reads a string that is not empty.
func (o section) text(key string) string {
	n := o.values[key]
	switch {
	case n == nil:
		return ""
	case n.Kind != yaml.ScalarNode:
		o.fail(key, "must be one text")
	case n.ShortTag() == "!!null" || n.Value == "":
		o.fail(key, "is empty")
	case n.ShortTag() != "!!str":
		o.fail(key, "must be text: put %s in quotes if it is meant", brief(n.Value))
	default:
		return n.Value
	}
	return ""
}

// expression reads SQL: numbers and booleans are read as they are written (rule 2).
func (o section) expression(key string) string {
	n := o.values[key]
	if n == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode {
		o.fail(key, "must be one SQL expression")
		return ""
	}
	sql := strings.TrimSpace(n.Value)
	if sql == "" || n.ShortTag() == "!!null" {
		o.fail(key, "is empty")
		return ""
	}
	return sql
}

// texts reads a text or a list of different texts.
func (o section) texts(key string) []string {
	n := o.values[key]
	if n == nil || n.Kind == yaml.ScalarNode {
		if s := o.text(key); s != "" {
			return []string{s}
		}
		return nil
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 || len(n.Content) > maxEntries {
		o.fail(key, "must be a text or a list of 1 to %d texts", maxEntries)
		return nil
	}
	texts := make([]string, 0, len(n.Content))
	seen := map[string]bool{}
	for i, item := range n.Content {
		o.src.lines[fmt.Sprintf("%s.%d", o.at(key), i)] = item.Line
		switch {
		case item.Kind != yaml.ScalarNode || item.ShortTag() != "!!str":
			o.src.fail(item.Line, "%s must list texts: put %s in quotes if it is meant", brief(key), brief(item.Value))
		case seen[item.Value]:
			o.src.fail(item.Line, "%s lists %s twice", brief(key), brief(item.Value))
		default:
			seen[item.Value] = true
			texts = append(texts, item.Value)
		}
	}
	return texts
}
