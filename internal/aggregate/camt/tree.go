// The table as a tree, so that a path is matched a step at a time.

package camt

import "strings"

// row says what is done with the element at a path: its text or amount is kept, or it opens a group of elements.
type row struct {
	path   string
	text   func(*facts) *string // where the element's text goes
	money  func(*facts) *money  // where an amount goes
	join   func(*facts) *[]byte // where the texts of repeated elements go, with spaces between
	until  stage                // when it is too late for it
	opens  func(*message) error // called at the start tag
	closes func(*message) error // called at the end tag
	rows   []row                // of a group: paths within it
}

// stage is how far a statement has been told.
type stage uint8

// The stages.
const (
	never    stage = iota
	begun          // the statement has begun: its balances or entries are under way
	detailed       // the entry's details are under way
)

// group is an element whose start and end matter.
func group(path string, opens, closes func(*message) error, rows ...[]row) row {
	all := row{path: path, opens: opens, closes: closes}
	for _, part := range rows {
		all.rows = append(all.rows, part...)
	}
	return all
}

// until says of some rows when it is too late for them.
func until(late stage, rows []row) []row {
	limited := append([]row(nil), rows...)
	for i := range limited {
		limited[i].until = late
	}
	return limited
}

// node is an element on one or more paths.
type node struct {
	row
	name     string
	children map[string]*node
}

// takes tells whether the element's text is kept.
func (n *node) takes() bool { return n.text != nil || n.money != nil || n.join != nil }

// target is where the text of an element goes that may be given once.
func (n *node) target(f *facts) *string {
	if n.money != nil {
		return &n.money(f).text
	}
	return n.text(f)
}

// value tells whether the element is a text and nothing else.
func (n *node) value() bool { return n.takes() && n.children == nil }

// grow makes the tree of a table.
func grow(rows ...row) *node {
	root := &node{}
	root.add(rows)
	return root
}

func (n *node) add(rows []row) {
	for _, r := range rows {
		at := n
		for name := range strings.SplitSeq(r.path, "/") {
			at = at.child(name)
		}
		at.row = r
		at.add(r.rows)
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

// called gives a child other names, too.
func (n *node) called(name string, others ...string) *node {
	for _, other := range others {
		n.children[other] = n.children[name]
	}
	return n
}
