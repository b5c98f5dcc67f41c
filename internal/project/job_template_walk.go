// The walk over a parsed template of a job: which variables it uses, and what templates of tasks must not contain.

package project

import (
	"fmt"
	"slices"
	"strings"
	"text/template/parse"

	"bursar/internal/project/doc"
)

// WalkTemplate returns the names of the variables that a parsed template uses, and what is wrong with it.
func WalkTemplate(root *parse.ListNode) (variables, problems []string) {
	w := templateWalk{}
	w.list(root, false)
	return w.variables, w.problems
}

// templateWalk walks over a parsed template. All its values are texts.
type templateWalk struct{ variables, problems []string }

func (w *templateWalk) fail(format string, arguments ...any) {
	if problem := fmt.Sprintf(format, arguments...); !slices.Contains(w.problems, problem) {
		w.problems = append(w.problems, problem)
	}
}

// node walks over a node. Inside `with`, the dot is a text.
func (w *templateWalk) node(n parse.Node, inWith bool) {
	switch n := n.(type) {
	case *parse.ActionNode:
		w.pipe(n.Pipe, inWith)
	case *parse.IfNode:
		w.branch(&n.BranchNode, inWith, inWith)
	case *parse.WithNode:
		w.branch(&n.BranchNode, inWith, true)
	case *parse.RangeNode:
		w.fail("`range` is not supported: all values are texts")
	case *parse.TemplateNode:
		w.fail("`template` is not supported: write the text where it is needed")
	case *parse.PipeNode:
		w.pipe(n, inWith)
	case *parse.ChainNode:
		w.fail("%s: a text has no fields", doc.Brief(n.String()))
	case *parse.IdentifierNode:
		if !slices.Contains(TemplateFunctions, n.Ident) {
			w.fail("function %s is not supported: there are %s", doc.Brief(n.Ident), strings.Join(TemplateFunctions, ", "))
		}
	case *parse.FieldNode:
		w.field(n, inWith)
	case *parse.VariableNode:
		w.variable(n)
	case *parse.DotNode:
		if !inWith {
			w.fail("`.` alone is not a text: write a name behind it, as in {{.key}}")
		}
	}
}

func (w *templateWalk) list(list *parse.ListNode, inWith bool) {
	if list == nil {
		return
	}
	for _, n := range list.Nodes {
		w.node(n, inWith)
	}
}

func (w *templateWalk) branch(b *parse.BranchNode, inWith, thenInWith bool) {
	w.pipe(b.Pipe, inWith)
	w.list(b.List, thenInWith)
	w.list(b.ElseList, inWith)
}

// pipe walks over commands, of which only functions have arguments.
func (w *templateWalk) pipe(pipe *parse.PipeNode, inWith bool) {
	for i, command := range pipe.Cmds {
		_, calls := command.Args[0].(*parse.IdentifierNode)
		if !calls && (i > 0 || len(command.Args) > 1) {
			w.fail("%s is not a function: only functions have arguments", doc.Brief(command.Args[0].String()))
		}
		for _, argument := range command.Args {
			w.node(argument, inWith)
		}
	}
}

func (w *templateWalk) field(n *parse.FieldNode, inWith bool) {
	switch {
	case inWith:
		w.fail("inside `with`, the dot is a text: write %s", doc.Brief("$"+n.String()))
	case len(n.Ident) > 1:
		w.fail("%s: a text has no fields", doc.Brief(n.String()))
	default:
		w.use(n.Ident[0])
	}
}

// variable walks over $name, or $.name, which is the field of the whole.
func (w *templateWalk) variable(n *parse.VariableNode) {
	switch isRoot := n.Ident[0] == "$"; {
	case isRoot && len(n.Ident) == 1:
		w.fail("`$` alone is not a text: write a name behind it, as in {{$.key}}")
	case isRoot && len(n.Ident) == 2:
		w.use(n.Ident[1])
	case len(n.Ident) > 1:
		w.fail("%s: a text has no fields", doc.Brief(n.String()))
	}
}

func (w *templateWalk) use(name string) {
	if !slices.Contains(w.variables, name) {
		w.variables = append(w.variables, name)
	}
}
