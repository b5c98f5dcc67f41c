// The table of paths as a tree, so that a path is matched element by element.

package camt

import "strings"

// binding defines what happens with the element at a path: its text or amount is stored, or functions are called.
type binding struct {
	path     string
	text     func(*fields) *string // where the text is stored
	money    func(*fields) *money  // where the amount is stored
	join     func(*fields) *[]byte // where the texts of a repeated element are stored, joined with spaces
	deadline stage                 // the element is refused from this stage on
	onStart  func(*message)        // called at the start tag; may be nil
	onEnd    func(*message)        // called at the end tag; may be nil
	nested   []binding             // paths below this one
}

// stage is how much of a statement has been reported.
type stage uint8

const (
	never          stage = iota
	statementBegun       // the statement has been reported
	detailsBegun         // details of the entry have been reported
)

// group binds an element whose start and end matter, with the paths below it.
func group(path string, onStart, onEnd func(*message), nested ...[]binding) binding {
	all := binding{path: path, onStart: onStart, onEnd: onEnd}
	for _, bindings := range nested {
		all.nested = append(all.nested, bindings...)
	}
	return all
}

// withDeadline sets the deadline of some bindings.
func withDeadline(deadline stage, bindings []binding) []binding {
	copied := append([]binding(nil), bindings...)
	for i := range copied {
		copied[i].deadline = deadline
	}
	return copied
}

// node is an element of one or more paths.
type node struct {
	binding
	name     string
	children map[string]*node
}

// keepsText reports whether the element's text is stored.
func (n *node) keepsText() bool { return n.text != nil || n.money != nil || n.join != nil }

// target returns where the text of an element that is not repeated is stored.
func (n *node) target(f *fields) *string {
	if n.money != nil {
		return &n.money(f).text
	}
	return n.text(f)
}

// isValue reports whether the element must contain only text.
func (n *node) isValue() bool { return n.keepsText() && n.children == nil }

// newTree builds the tree of a table.
func newTree(bindings ...binding) *node {
	root := &node{}
	root.add(bindings)
	return root
}

func (n *node) add(bindings []binding) {
	for _, b := range bindings {
		current := n
		for name := range strings.SplitSeq(b.path, "/") {
			current = current.child(name)
		}
		current.binding = b
		current.add(b.nested)
	}
}

// child returns the child of that name, and creates it if it is missing.
func (n *node) child(name string) *node {
	if n.children == nil {
		n.children = map[string]*node{}
	}
	if n.children[name] == nil {
		n.children[name] = &node{name: name}
	}
	return n.children[name]
}

// addAliases makes a child known under other names, too.
func (n *node) addAliases(name string, aliases ...string) *node {
	for _, alias := range aliases {
		n.children[alias] = n.children[name]
	}
	return n
}
