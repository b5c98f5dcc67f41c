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
		if n.children == nil {
			n.children = map[string]*node{}
		}
		c = &node{}
		c.path = append(append([]string{}, n.path...), name)
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
	var root node
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] != '{' || !json.Valid(line) {
			continue
		}
		d := json.NewDecoder(bytes.NewReader(line))
		d.UseNumber()
		if err := root.walk(d); err != nil {
			return nil, fmt.Errorf("read a row: %w", err)
		}
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
	end, n := 0, 0
	for n < maxRows && end < len(h.text) {
		i := bytes.IndexByte(h.text[end:], '\n')
		if i < 0 {
			if h.whole {
				end = len(h.text)
			}
			break
		}
		if end, n = end+i+1, n+1; end == len(h.text) {
			break
		}
	}
	if end == 0 {
		return nil, false, fmt.Errorf("its first line is longer than %d MiB", maxBytes>>20)
	}
	return h.text[:end], h.whole && end == len(h.text), nil
}

// walk reads one value. The text is valid JSON.
func (n *node) walk(d *json.Decoder) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	switch v := t.(type) {
	case nil:
	case string:
		n.add(v, &n.strings)
	case json.Number:
		n.add(v.String(), &n.numbers)
	case bool:
		n.add(fmt.Sprint(v), &n.bools)
	case json.Delim:
		n.count++
		if v == '[' {
			n.others++
			return skip(d)
		}
		n.objects++
		return n.properties(d)
	}
	return nil
}

func (n *node) properties(d *json.Decoder) error {
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		text, _ := name.(string)
		if n.deep() || len(n.names) > maxWidth && len(n.path) > 0 {
			var value json.RawMessage
			err = d.Decode(&value)
		} else {
			err = n.child(text).walk(d)
		}
		if err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

func (n *node) deep() bool { return len(n.path) >= maxNested }

func skip(d *json.Decoder) error {
	for d.More() {
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// gather lists the columns: the leaves of the tree, and objects that are not split.
func (s *sample) gather(n *node) {
	for _, name := range n.names {
		c := n.children[name]
		switch {
		case !nameable(c):
			s.omitted = append(s.omitted, fmt.Sprintf("%s: a path cannot name it", quoted([]byte(strings.Join(c.path, ".")))))
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
