// A complete element with everything that it contains.

package ofx

import (
	"strings"

	"bursar/internal/aggregate/format/statement"
)

const (
	maxNodes  = 2048                   // elements of a record
	maxRecord = 4 * statement.MaxValue // bytes of its values
)

// record is a tree of elements in the file's order. The first is the root, and every element comes after its parent.
type record struct {
	nodes []node
	place statement.Place
	bytes int
	ended bool // by its end tag
}

type node struct {
	name, value string
	parent      int
}

func (r *record) active() bool { return len(r.nodes) > 0 }

// add adds an element below parent and returns its index.
func (r *record) add(e *element, value string, parent int) (int, error) {
	if len(r.nodes) == 0 {
		r.place = e.place
	}
	r.bytes += len(value)
	if len(r.nodes) == maxNodes || r.bytes > maxRecord {
		return 0, statement.Refuse(r.place, "<%s> contains more than %d elements or %d bytes", r.nodes[0].name, maxNodes, maxRecord)
	}
	r.nodes = append(r.nodes, node{e.name, value, parent})
	return len(r.nodes) - 1, nil
}

// setParent makes an element the parent of the siblings after it: its end tag has shown that it is not an empty
// value.
func (r *record) setParent(parent int) {
	for i := parent + 1; i < len(r.nodes); i++ {
		if r.nodes[i].parent == r.nodes[parent].parent {
			r.nodes[i].parent = parent
		}
	}
}

func (r *record) reset() { r.nodes, r.bytes, r.ended = r.nodes[:0], 0, false }

// get returns the root's value of that name. Different values of one name are joined, which gives neither a valid
// amount nor a valid date.
func (r *record) get(name string) string { return r.valueAt(0, name) }

// valueIn returns the value of that name within a child of the root.
func (r *record) valueIn(parent, name string) string {
	for i := range r.nodes {
		if i > 0 && r.nodes[i].parent == 0 && r.nodes[i].name == parent {
			return r.valueAt(i, name)
		}
	}
	return ""
}

func (r *record) valueAt(parent int, name string) string {
	found, others := "", []string(nil)
	for i := parent + 1; i < len(r.nodes); i++ {
		n := &r.nodes[i]
		if n.parent < parent {
			break // descendants are contiguous
		}
		switch {
		case n.parent != parent || n.name != name || n.value == "" || n.value == found:
		case found == "":
			found = n.value
		default:
			others = append(others, n.value)
		}
	}
	if others != nil {
		found += " " + strings.Join(others, " ")
	}
	return found
}

// findValue returns the first value of that name, at any depth.
func (r *record) findValue(name string) string {
	for i := range r.nodes {
		if n := &r.nodes[i]; n.name == name && n.value != "" {
			return n.value
		}
	}
	return ""
}
