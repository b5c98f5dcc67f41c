// Samples JSON lines: the tree of properties, in order of appearance.

package infer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/event/scan"
	"bursar/internal/project"
)

// Bounds of the tree: what is deeper, or an object with so many properties that they must be data, becomes one json column.
const (
	maxNested = 5
	maxWidth  = 100
	maxPath   = 500 // bytes of a `from`
)

type node struct {
	field
	objects  int
	names    []string
	children map[string]*node
}

func (n *node) child(name string) *node {
	c := n.children[name]
	if c == nil {
		c = &node{field: field{path: append(slices.Clone(n.path), name)}, children: map[string]*node{}}
		n.children[name] = c
		n.names = append(n.names, name)
	}
	return c
}

// readJSON reads the rows that are JSON objects; the scanner reports the others.
func readJSON(h head) (*sample, error) {
	text, whole, err := cutLines(h)
	if err != nil {
		return nil, err
	}
	s := &sample{format: project.JSONL, whole: whole}
	s.check = func(plan *scan.Plan) ([]scan.Reject, error) { return rejected(plan, text) }
	root := node{children: map[string]*node{}}
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] != '{' || !json.Valid(line) {
			continue
		}
		root.walk(line)
		s.rows++
	}
	if s.rows == 0 {
		if json.Valid(text) {
			return nil, errors.New("it is one JSON value over several lines: write its events as a list of objects, or one object per line")
		}
		return nil, errors.New("none of its lines is a JSON object: JSON lines hold one on each line")
	}
	s.gather(&root)
	return s, nil
}

// cutLines keeps complete lines only, up to the limit.
func cutLines(h head) (text []byte, whole bool, err error) {
	text = beforeLine(h.text, maxRows+1)
	if h.whole && bytes.Count(text, []byte{'\n'}) < maxRows { // its last line may lack an end
		text = h.text
	}
	if len(text) == 0 {
		return nil, false, fmt.Errorf("its first line is longer than %d MiB", maxBytes>>20)
	}
	return text, h.whole && len(text) == len(h.text), nil
}

// walk adds a value, which is valid JSON.
func (n *node) walk(value json.RawMessage) {
	switch value[0] {
	case 'n': // null
	case '"':
		var text string
		_ = json.Unmarshal(value, &text) // it is a string
		n.add(text, &n.strings)
	case 't', 'f':
		n.add(string(value), &n.bools)
	case '[':
		n.count++
		n.others++
	case '{':
		n.count++
		n.objects++
		n.properties(value)
	default:
		n.add(string(value), &n.numbers)
	}
}

func (n *node) properties(object json.RawMessage) {
	d := json.NewDecoder(bytes.NewReader(object))
	_, _ = d.Token() // its brace; nothing fails, as the object is valid
	for d.More() {
		var value json.RawMessage
		name, _ := d.Token()
		_ = d.Decode(&value)
		if text, _ := name.(string); !n.deep() && (len(n.names) <= maxWidth || len(n.path) == 0) {
			n.child(text).walk(value)
		}
	}
}

func (n *node) deep() bool { return len(n.path) >= maxNested }

// gather lists the columns: the leaves of the tree, and objects that are not split.
func (s *sample) gather(n *node) {
	for _, name := range n.names {
		c := n.children[name]
		switch {
		case !nameable(c):
			s.omitted = append(s.omitted, fmt.Sprintf("%s: a path cannot name it", quoted(strings.Join(c.path, "."))))
		case c.objects > 0 && c.splits():
			s.gather(c)
		default:
			c.others += c.objects
			s.fields = append(s.fields, &c.field)
		}
	}
}

// splits reports whether an object's properties become separate columns.
func (n *node) splits() bool {
	if n.objects < n.count || len(n.names) == 0 || n.deep() || len(n.names) > maxWidth {
		return false
	}
	return !slices.ContainsFunc(n.names, func(name string) bool { return !nameable(n.children[name]) })
}

// nameable reports whether a path can name a property: its steps are joined by dots.
func nameable(n *node) bool {
	size := 0
	for _, step := range n.path {
		if step == "" || strings.Contains(step, ".") {
			return false
		}
		size += len(step) + 1
	}
	return size <= maxPath
}
