// Prints models: what a run has made, failing rows of tests, and what models depend on.

package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"bursar/internal/warehouse/model"
)

func (c *cli) printModelRun(out model.Result) error {
	c.warn(out.Warnings)
	return c.result(out, func(w io.Writer) {
		if len(out.Models) > 0 && out.OK {
			g := newGrid("model", "is", "rows", "added", "replaced", "seconds")
			for _, m := range out.Models {
				g.add(m.Model, string(m.Materialize), formatOptional(m.Rows), formatOptional(m.Added), formatOptional(m.Replaced), fmt.Sprintf("%.2f", m.Seconds))
			}
			g.print(w, width(c.out))
		}
		for _, m := range out.Models {
			switch {
			case !out.OK:
			case m.Reason != "":
				fmt.Fprintln(w, printable(fmt.Sprintf("%s was made from the beginning: %s.", m.Model, m.Reason)))
			case m.Changed:
				fmt.Fprintf(w, "%s has changed: the rows of earlier runs stay as they are; bursar model run %[1]s --full makes all of them again.\n", m.Model)
			}
		}
		c.printTests(w, out.Tests)
		if len(out.Models)+len(out.Tests) == 0 {
			fmt.Fprintln(w, "There is nothing to do: models are files warehouse/NAME.sql, and their tests are in the header.")
		}
	})
}

// printTests prints the failing rows of each test that fails, and how many do not.
func (c *cli) printTests(w io.Writer, tests []model.Tested) {
	ok := 0
	for _, t := range tests {
		if t.OK {
			ok++
			continue
		}
		fmt.Fprintln(w, printable(fmt.Sprintf("%s: test %s of model %s fails (%s:%d):", t.Severity, t.Test, t.Model, t.File, t.Line)))
		g := newGrid(t.Columns...)
		for _, row := range t.Rows {
			cells := make([]string, len(row))
			for i, value := range row {
				cells[i] = noValue
				if value != nil {
					cells[i] = *value
				}
			}
			g.add(cells...)
		}
		g.print(w, width(c.out))
		if left := t.Failures - int64(len(t.Rows)); left > 0 {
			fmt.Fprintf(w, "… and %s more.\n", formatCount(left))
		}
	}
	if len(tests) > 0 {
		fmt.Fprintf(w, "%d of %s succeeded.\n", ok, plural(len(tests), "test", "tests"))
	}
}

func formatOptional(n *int64) string {
	if n == nil {
		return noValue
	}
	return formatCount(*n)
}

func (c *cli) printModels(list []model.Status) error {
	return c.result(map[string]any{"models": list}, func(w io.Writer) {
		g := newGrid("model", "is", "rows", "last run", "depends on", "tests", "changed")
		for _, s := range list {
			changed := ""
			if s.Changed {
				changed = "since the last run"
			}
			g.add(s.Model, string(s.Materialize), formatOptional(s.Rows), formatTime(s.Started), strings.Join(s.Depends, ", "), fmt.Sprint(s.Tests), changed)
		}
		g.print(w, width(c.out))
	})
}

// modelEdge says that a model depends on a table, a view or another model.
type modelEdge struct {
	Model   string `json:"model"`
	Depends string `json:"depends"`
}

func (c *cli) printGraph(g *model.Graph, dot bool) error {
	names, edges := []string{}, []modelEdge{}
	for _, n := range g.Nodes {
		names = append(names, n.Model.Name)
		for _, t := range n.Tables {
			edges = append(edges, modelEdge{n.Model.Name, t.Name})
		}
	}
	return c.result(map[string]any{"models": names, "edges": edges}, func(w io.Writer) {
		if dot {
			printDot(w, names, edges)
			return
		}
		printed := map[*model.Node]bool{}
		for _, n := range g.Nodes {
			if !slices.ContainsFunc(edges, func(e modelEdge) bool { return e.Depends == n.Model.Name }) {
				fmt.Fprintln(w, n.Model.Name)
				printTree(w, g, n, "", printed)
			}
		}
	})
}

// printTree prints what a model depends on, below it. What a model that was printed depends on is not printed again.
func printTree(w io.Writer, g *model.Graph, n *model.Node, indent string, printed map[*model.Node]bool) {
	printed[n] = true
	for i, t := range n.Tables {
		branch, more := "├── ", "│   "
		if i == len(n.Tables)-1 {
			branch, more = "└── ", "    "
		}
		switch used := g.Node(t.Name); {
		case used == nil:
			fmt.Fprintln(w, indent+branch+printable(t.Name))
		case printed[used]:
			fmt.Fprintln(w, indent+branch+t.Name+" (see above)")
		default:
			fmt.Fprintln(w, indent+branch+t.Name)
			printTree(w, g, used, indent+more, printed)
		}
	}
}

// printDot prints the graph in Graphviz's language: models as boxes, other tables as ellipses.
func printDot(w io.Writer, models []string, edges []modelEdge) {
	fmt.Fprintln(w, "digraph models {\n  rankdir=LR;")
	for _, name := range models {
		fmt.Fprintf(w, "  %q [shape=box];\n", name)
	}
	slices.SortFunc(edges, func(a, b modelEdge) int {
		return cmp.Or(cmp.Compare(a.Depends, b.Depends), cmp.Compare(a.Model, b.Model))
	})
	for _, e := range edges {
		fmt.Fprintf(w, "  %q -> %q;\n", e.Depends, e.Model)
	}
	fmt.Fprintln(w, "}")
}
