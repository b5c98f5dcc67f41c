// What models depend on: their order, and which of them are run.

package model

import (
	"slices"
	"strings"

	"bursar/internal/project"
	"bursar/internal/project/doc"
)

// Graph is the models of a project and what they depend on.
type Graph struct {
	Nodes []*Node // each after those it depends on, otherwise by name
	named map[string]*Node
}

// Node is a model with what it depends on.
type Node struct {
	Model  *project.Model
	Tables []Table                       // without duplicates, in the order of the text
	sql    string                        // one SELECT without a semicolon, with parameters
	equals map[*project.ModelTest]string // the same of tests
}

// Table is a table, a view or a model that a model depends on.
type Table struct {
	Name string
	Line int // where it is named first
}

// Node finds a model by name, or nil.
func (g *Graph) Node(name string) *Node { return g.named[name] }

// Depends lists the names of the tables that a model depends on.
func (n *Node) Depends() []string {
	names := make([]string, len(n.Tables))
	for i, t := range n.Tables {
		names[i] = t.Name
	}
	return names
}

// tables lists the tables that a model reads and that no model makes, also through other models, without duplicates.
func (g *Graph) tables(n *Node) (names []string) {
	for _, t := range n.Tables {
		own := []string{t.Name}
		if used := g.named[t.Name]; used != nil {
			own = g.tables(used)
		}
		for _, name := range own {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// uses reports whether a model depends on another one, also through others.
func (g *Graph) uses(n, other *Node) bool {
	return slices.ContainsFunc(n.Tables, func(t Table) bool {
		used := g.named[t.Name]
		return used != nil && (used == other || g.uses(used, other))
	})
}

// sorter sorts models by what they depend on.
type sorter struct {
	graph  *Graph
	path   []*Node // that is being visited
	done   map[*Node]bool
	faults []doc.Error
}

// sort puts the nodes in order and returns the cycles.
func (g *Graph) sort() []doc.Error {
	s := sorter{graph: g, done: map[*Node]bool{}}
	byName := g.Nodes
	g.Nodes = nil
	slices.SortFunc(byName, func(a, b *Node) int { return strings.Compare(a.Model.Name, b.Model.Name) })
	for _, n := range byName {
		s.visit(n)
	}
	return s.faults
}

func (s *sorter) visit(n *Node) {
	if s.done[n] {
		return
	}
	s.path = append(s.path, n)
	for _, t := range n.Tables {
		next := s.graph.named[t.Name]
		if next == nil {
			continue
		}
		if at := slices.Index(s.path, next); at >= 0 {
			s.cycle(n, t, s.path[at:])
			continue
		}
		s.visit(next)
	}
	s.path = s.path[:len(s.path)-1]
	s.done[n] = true
	s.graph.Nodes = append(s.graph.Nodes, n)
}

// cycle reports that a model's table closes a cycle.
func (s *sorter) cycle(n *Node, t Table, members []*Node) {
	fault := doc.Error{File: n.Model.File, Line: t.Line}
	if len(members) == 1 {
		fault.Message = "model " + t.Name + " refers to itself: a model reads other tables only; an incremental model gets what is new by :after_<table>"
	} else {
		var names []string
		for _, m := range members {
			names = append(names, m.Model.Name)
		}
		fault.Message = "models depend on each other: " + strings.Join(append(names, t.Name), " → ") + ": remove one of these references"
	}
	s.faults = append(s.faults, fault)
}

// choose returns the models that are named, in order.
func (g *Graph) choose(names []string) ([]*Node, error) {
	if len(names) == 0 {
		return g.Nodes, nil
	}
	chosen := map[*Node]bool{}
	for _, name := range names {
		bare := strings.TrimSuffix(strings.TrimPrefix(name, "+"), "+")
		n := g.named[bare]
		if n == nil {
			return nil, &NotFoundError{bare, g.names()}
		}
		for _, other := range g.Nodes {
			if other == n || strings.HasPrefix(name, "+") && g.uses(n, other) || strings.HasSuffix(name, "+") && g.uses(other, n) {
				chosen[other] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(g.Nodes), func(n *Node) bool { return !chosen[n] }), nil
}

func (g *Graph) names() []string {
	names := make([]string, len(g.Nodes))
	for i, n := range g.Nodes {
		names[i] = n.Model.Name
	}
	slices.Sort(names)
	return names
}
