// The table as a tree, so that a path is matched a step at a time.

package camt

import "strings"

// binding says what is done with the element at a path: its text or amount is kept, or it opens a group of elements.
type binding struct {
	path     string
	text     func(*fields) *string // where the element's text goes
	money    func(*fields) *money  // where an amount goes
	join     func(*fields) *[]byte // where the texts of repeated elements go, with spaces between
	deadline stage                 // when it is too late for it
	onStart  func(*message) error  // called at the start tag
	onEnd    func(*message) error  // called at the end tag
	nested   []binding             // of a group: paths within it
}

// stage is how far a statement has been told.
type stage uint8

// The stages.
const (
	never          stage = iota
	statementBegun       // the statement has begun: its balances or entries are under way
	detailsBegun         // the entry's details are under way
)

// group is an element whose start and end matter.
func group(path string, opens, closes func(*message) error, rows ...[]binding) binding {
	all := binding{path: path, onStart: opens, onEnd: closes}
	for _, part := range rows {
		all.nested = append(all.nested, part...)
	}
	return all
}

// withDeadline says of some rows when it is too late for them.
func withDeadline(deadline stage, rows []binding) []binding {
	copied := append([]binding(nil), rows...)
	for i := range copied {
		copied[i].deadline = deadline
	}
	return copied
}

// node is an element on one or more paths.
type node struct {
	binding
	name     string
	children map[string]*node
}

// keepsText tells whether the element's text is kept.
func (n *node) keepsText() bool { return n.text != nil || n.money != nil || n.join != nil }

// target is where the text of an element goes that may be given once.
func (n *node) target(f *fields) *string {
	if n.money != nil {
		return &n.money(f).text
	}
	return n.text(f)
}

// isValue tells whether the element is a text and nothing else.
func (n *node) isValue() bool { return n.keepsText() && n.children == nil }

// newTree makes the tree of a table.
func newTree(rows ...binding) *node {
	root := &node{}
	root.add(rows)
	return root
}

func (n *node) add(rows []binding) {
	for _, r := range rows {
		current := n
		for name := range strings.SplitSeq(r.path, "/") {
			current = current.child(name)
		}
		current.binding = r
		current.add(r.nested)
	}
}

// child is the element of that name, made where it is missing.
func (n *node) child(name string) *node {
	if n.children == nil {
		n.children = map[string]*node{}
	}
	if n.children[name] == nil {
		n.children[name] = &node{name: name}
	}
	return n.children[name]
}

// addAliases gives a child other names, too.
func (n *node) addAliases(name string, aliases ...string) *node {
	for _, alias := range aliases {
		n.children[alias] = n.children[name]
	}
	return n
}
