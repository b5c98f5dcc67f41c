// Walks over a parsed template: which variables it uses, and whether it uses what templates of tasks must not.

package task

import (
	"fmt"
	"slices"
	"text/template/parse"

	"bursar/internal/project"
)

// walker collects the variables of a template, and what is wrong with it.
type walker struct {
	variables []string
	problems  []string
}

func (w *walker) fail(format string, arguments ...any) {
	if problem := fmt.Sprintf(format, arguments...); !slices.Contains(w.problems, problem) {
		w.problems = append(w.problems, problem)
	}
}

func (w *walker) use(name string) {
	if !slices.Contains(w.variables, name) {
		w.variables = append(w.variables, name)
	}
}

// node walks over a node. Inside `with`, the dot is a text.
func (w *walker) node(n parse.Node, inWith bool) {
	switch n := n.(type) {
	case *parse.ListNode:
		w.list(n, inWith)
	case *parse.ActionNode:
		w.node(n.Pipe, inWith)
	case *parse.IfNode:
		w.branch(&n.BranchNode, inWith, inWith)
	case *parse.WithNode:
		w.branch(&n.BranchNode, inWith, true)
	case *parse.RangeNode:
		w.fail("range is not supported: all values are texts")
	case *parse.TemplateNode:
		w.fail("template is not supported")
	case *parse.PipeNode:
		for _, command := range n.Cmds {
			w.node(command, inWith)
		}
	case *parse.CommandNode:
		for _, argument := range n.Args {
			w.node(argument, inWith)
		}
	case *parse.ChainNode:
		w.fail("%s: a text has no fields", n)
	case *parse.IdentifierNode:
		if !slices.Contains(project.TemplateFunctions, n.Ident) {
			w.fail("the function %s is not supported", n.Ident)
		}
	case *parse.FieldNode, *parse.VariableNode, *parse.DotNode:
		w.variable(n, inWith)
	}
}

func (w *walker) list(list *parse.ListNode, inWith bool) {
	if list == nil {
		return
	}
	for _, n := range list.Nodes {
		w.node(n, inWith)
	}
}

func (w *walker) branch(b *parse.BranchNode, inWith, thenInWith bool) {
	w.node(b.Pipe, inWith)
	w.list(b.List, thenInWith)
	w.list(b.ElseList, inWith)
}

func (w *walker) variable(n parse.Node, inWith bool) {
	switch n := n.(type) {
	case *parse.FieldNode:
		switch {
		case inWith:
			w.fail("inside with, the dot is a text: write $%s", n)
		case len(n.Ident) > 1:
			w.fail("%s: a text has no fields", n)
		default:
			w.use(n.Ident[0])
		}
	case *parse.VariableNode:
		switch isRoot := n.Ident[0] == "$"; {
		case isRoot && len(n.Ident) == 1:
			w.fail("$ alone is not a text: write a name after it, as in $.key")
		case isRoot && len(n.Ident) == 2:
			w.use(n.Ident[1])
		case len(n.Ident) > 1:
			w.fail("%s: a text has no fields", n)
		}
	case *parse.DotNode:
		if !inWith {
			w.fail("the dot alone is not a text: write a name after it, as in .key")
		}
	}
}
