// A YAML mapping that is read key by key: typed values, and errors with their line.

package doc

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"bursar/internal/column"
)

// Section is one mapping of a file. Its getters report errors and then return the zero value.
type Section struct {
	Src      *File
	Path     string // "" for the whole file
	Keys     []string
	Values   map[string]*yaml.Node // nil if it is not a mapping
	Misspelt map[string]bool       // known keys that unknown keys probably mean
}

// Section opens a mapping with the known keys, or with any keys if none are given. A nil node is an empty mapping.
func (s *File) Section(n *yaml.Node, path string, known ...string) Section {
	o := Section{Src: s, Path: path, Values: map[string]*yaml.Node{}, Misspelt: map[string]bool{}}
	if n == nil {
		return o
	}
	if n.Kind != yaml.MappingNode {
		example := ""
		if path != "" && len(known) > 0 {
			example = fmt.Sprintf(", such as {%s: …}", known[0])
		}
		s.FailAt(path, "%s must be a mapping of keys to values%s", o.Title(), example)
		o.Values = nil
		return o
	}
	if len(n.Content) > 2*MaxEntries {
		s.FailAt(path, "%s has more than %d keys", o.Title(), MaxEntries)
		o.Values = nil
		return o
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if cut := o.cutAtComma(n, i, known); cut > 0 {
			o.Misspelt[n.Content[i].Value] = true
			i += 2 * cut
			continue
		}
		o.add(n.Content[i], n.Content[i+1], known)
	}
	return o
}

func (o *Section) add(key, value *yaml.Node, known []string) {
	name := key.Value
	switch {
	case key.Kind != yaml.ScalarNode:
		o.Src.Fail(key.Line, "a key must be a single name")
	case o.Values[name] != nil:
		o.Src.Fail(key.Line, "key %s is given twice", Brief(name))
	case len(known) > 0 && !slices.Contains(known, name):
		o.unknown(key, known)
	case key.ShortTag() != "!!str":
		o.Src.Fail(key.Line, "key %s is not text for YAML: put it in quotes", Brief(name))
	default:
		line := key.Line
		if value.Kind == yaml.ScalarNode {
			line = value.Line
		}
		o.Src.Lines[o.At(name)] = line
		o.Keys = append(o.Keys, name)
		o.Values[name] = value
	}
}

// unknown reports an unknown key, with the known one that it probably means.
func (o *Section) unknown(key *yaml.Node, known []string) {
	if likely, write := splitKey(key.Value, known); likely != "" {
		o.Misspelt[likely] = true
		o.Src.Fail(key.Line, "a space is missing after the colon: write `%s`", write)
		return
	}
	likely := cmp.Or(Nearest(key.Value, known), elsewhere(key.Value, known))
	o.Misspelt[likely] = true
	o.Src.Fail(key.Line, "unknown key %s%s", Brief(key.Value), suggest(likely))
}

// At returns the path of one of the section's keys.
func (o Section) At(key string) string {
	if o.Path == "" {
		return key
	}
	return o.Path + "." + key
}

// Title names the mapping in messages.
func (o Section) Title() string {
	if o.Path == "" {
		return "the file"
	}
	return Brief(o.Path)
}

// Has reports whether a key is given.
func (o Section) Has(key string) bool { return o.Values[key] != nil }

// Fail reports an error in the value of a key.
func (o Section) Fail(key, format string, args ...any) {
	o.Src.FailAt(o.At(key), "%s %s", Brief(key), fmt.Sprintf(format, args...))
}

// Require reports missing keys, except those for which a misspelt one has been reported.
func (o Section) Require(keys ...string) {
	for _, key := range keys {
		if o.Values != nil && !o.Has(key) && !o.Misspelt[key] {
			o.Src.FailAt(o.Path, "%s has no %s", o.Title(), Brief(key))
		}
	}
}

// Sub opens the mapping of a key.
func (o Section) Sub(key string, known ...string) Section {
	return o.Src.Section(o.Values[key], o.At(key), known...)
}

// Named opens a mapping with names as keys and checks the names.
func (o Section) Named(key string) Section {
	names := o.Sub(key)
	for _, name := range names.Keys {
		if !IsName(name) {
			o.Src.FailAt(names.At(name), "%s is not a valid name: names are lower-case letters, digits and _, and start with a letter", Brief(name))
		}
	}
	if o.Has(key) && o.Values[key].Kind == yaml.MappingNode && len(o.Values[key].Content) == 0 {
		o.Fail(key, "is empty")
	}
	return names
}

// Text reads a string that is not empty.
func (o Section) Text(key string) string {
	n := o.Values[key]
	switch {
	case n == nil:
		return ""
	case n.Kind != yaml.ScalarNode:
		o.Fail(key, "must be one text")
	case n.ShortTag() == "!!null" || n.Value == "":
		o.Fail(key, "is empty")
	case n.ShortTag() != "!!str":
		o.Fail(key, "must be text: put %s in quotes if it is meant", Brief(n.Value))
	default:
		return n.Value
	}
	return ""
}

// Expression reads SQL: numbers and booleans are read as they are written (rule 2).
func (o Section) Expression(key string) string {
	n := o.Values[key]
	if n == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode {
		o.Fail(key, "must be one SQL expression")
		return ""
	}
	sql := strings.TrimSpace(n.Value)
	if sql == "" || n.ShortTag() == "!!null" {
		o.Fail(key, "is empty")
		return ""
	}
	return sql
}

// Texts reads a text or a list of different texts.
func (o Section) Texts(key string) []string {
	n := o.Values[key]
	if n == nil || n.Kind == yaml.ScalarNode {
		if s := o.Text(key); s != "" {
			return []string{s}
		}
		return nil
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 || len(n.Content) > MaxEntries {
		o.Fail(key, "must be a text or a list of 1 to %d texts", MaxEntries)
		return nil
	}
	texts := make([]string, 0, len(n.Content))
	seen := map[string]bool{}
	for i, item := range n.Content {
		o.Src.Lines[fmt.Sprintf("%s.%d", o.At(key), i)] = item.Line
		switch {
		case item.Kind != yaml.ScalarNode || item.ShortTag() != "!!str":
			o.Src.Fail(item.Line, "%s must list texts: put %s in quotes if it is meant", Brief(key), Brief(item.Value))
		case seen[item.Value]:
			o.Src.Fail(item.Line, "%s lists %s twice", Brief(key), Brief(item.Value))
		default:
			seen[item.Value] = true
			texts = append(texts, item.Value)
		}
	}
	return texts
}

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// IsName reports whether a text may name a stream, pipeline, institution or column.
func IsName(text string) bool { return namePattern.MatchString(text) }

// OneOf reads one of some texts; "" is none of them.
func (o Section) OneOf(key string, known ...string) string {
	text := o.Text(key)
	if text == "" || slices.Contains(known, text) {
		return text
	}
	last := len(known) - 1
	o.Fail(key, "is %s: use %s or %s", Brief(text), strings.Join(known[:last], ", "), known[last])
	return ""
}

// Flag reads a boolean.
func (o Section) Flag(key string, byDefault bool) bool {
	n := o.Values[key]
	if n == nil {
		return byDefault
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!bool" {
		return n.Value[0] == 't' || n.Value[0] == 'T'
	}
	o.Fail(key, "must be true or false")
	return byDefault
}

// Number reads a whole number from least to most.
func (o Section) Number(key string, byDefault, least, most int64) int64 {
	n := o.Values[key]
	if n == nil {
		return byDefault
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!int" {
		if x, err := strconv.ParseInt(n.Value, 10, 64); err == nil && x >= least && x <= most {
			return x
		}
	}
	o.Fail(key, "must be a whole number from %d to %d", least, most)
	return byDefault
}

// Mark reads a character of one byte that cannot be part of a number or a word.
func (o Section) Mark(key string, byDefault byte) byte {
	s := o.Text(key)
	if s == "" {
		return byDefault
	}
	c := s[0]
	word := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	if len(s) != 1 || word || c >= 0x7f || c < ' ' && c != '\t' || c == '"' || c == '+' || c == '-' {
		o.Fail(key, "must be one ASCII character that is not a letter, digit, sign or double quote")
		return byDefault
	}
	return c
}

// Layout reads a date format and compiles it; nil if there is none.
func (o Section) Layout(key string, kind column.Kind) *column.Layout {
	format := o.Text(key)
	if format == "" {
		return nil
	}
	if !strings.Contains(format, "%") && !column.IsEpoch(format) {
		o.Fail(key, "is %s: use a pattern such as \"%%Y-%%m-%%d\", or epoch_s or epoch_ms for seconds or milliseconds since 1970", Brief(format))
		return nil
	}
	l, err := column.CompileLayout(format, kind)
	if err != nil {
		o.Src.FailAt(o.At(key), "%v", err)
	}
	return l
}
