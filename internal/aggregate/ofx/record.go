// One element with all that it holds, to be told as a whole.

package ofx

import (
	"strings"

	"bursar/internal/aggregate/statement"
)

const (
	maxNodes  = 2048                   // elements of a record
	maxRecord = 4 * statement.MaxValue // bytes of its values
)

// record is a tree of elements in the file's order; the first is the root, and every element's holder stands before it.
type record struct {
	nodes []node
	place statement.Place
	bytes int
	ended bool // by its own end tag
}

type node struct {
	name, value string
	parent      int
}

func (r *record) active() bool { return len(r.nodes) > 0 }

// add puts an element below holder and returns its number.
func (r *record) add(e *element, value string, owner int) (int, error) {
	if len(r.nodes) == 0 {
		r.place = e.place
	}
	r.bytes += len(value)
	if len(r.nodes) == maxNodes || r.bytes > maxRecord {
		return 0, statement.Refuse(r.place, "<%s> holds more than %d elements or %d bytes", r.nodes[0].name, maxNodes, maxRecord)
	}
	r.nodes = append(r.nodes, node{e.name, value, owner})
	return len(r.nodes) - 1, nil
}

// setParent makes an element the holder of what came after it: its end tag has shown that it was no empty value.
func (r *record) setParent(owner int) {
	for i := owner + 1; i < len(r.nodes); i++ {
		if r.nodes[i].parent == r.nodes[owner].parent {
			r.nodes[i].parent = owner
		}
	}
}

func (r *record) reset() { r.nodes, r.bytes, r.ended = r.nodes[:0], 0, false }

// get is the root's value of that name. One that is stated twice and differently is both, which no amount and no date is.
func (r *record) get(name string) string { return r.valueAt(0, name) }

// valueIn is the value of that name within the root's element holder.
func (r *record) valueIn(owner, name string) string {
	for i := range r.nodes {
		if i > 0 && r.nodes[i].parent == 0 && r.nodes[i].name == owner {
			return r.valueAt(i, name)
		}
	}
	return ""
}

func (r *record) valueAt(owner int, name string) string {
	found, others := "", []string(nil)
	for i := owner + 1; i < len(r.nodes); i++ {
		n := &r.nodes[i]
		if n.parent < owner {
			break // what it holds stands together
		}
		switch {
		case n.parent != owner || n.name != name || n.value == "" || n.value == found:
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

// findValue is the first value of that name, however deep.
func (r *record) findValue(name string) string {
	for i := range r.nodes {
		if n := &r.nodes[i]; n.name == name && n.value != "" {
			return n.value
		}
	}
	return ""
}
