// Checks the templates of jobs: that they parse, call allowed functions only, and use variables that tasks have.

package project

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"

	"bursar/internal/project/doc"
)

// TaskVariables are the variables of templates that each task has.
var TaskVariables = []string{"date", "id", "job", "key", "slot"}

// SlotVariables are those of the templates of `partition.sql`, which is asked before there are tasks.
var SlotVariables = []string{"date", "job", "slot"}

// TemplateFunctions are the functions that templates may call: those of text/template without what calls functions, escapes for places that a
// task does not have, or walks structures.
var TemplateFunctions = []string{
	"and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "slice", "print", "printf", "println", "urlquery", "json",
}

// variables are those that a template of a job may use.
type variables struct {
	any  bool // those of tasks, and any others: the columns of a query, which are known when it is executed
	slot bool // those of slots only
}

func (j *Job) variablesOf(o doc.Section) variables {
	return variables{any: j.Partition.SQL != "" || o.Src.Lines["partition.sql"] > 0}
}

// text reads a template, which is not a reference.
func (v variables) text(o doc.Section, key string) string {
	text := o.Text(key)
	refuseReference(o, key, text)
	v.check(o, o.At(key), key, text)
	return text
}

// setting reads a template, or a reference.
func (v variables) setting(o doc.Section, key string) string {
	text := o.Text(key)
	if isReference(text) {
		checkReference(o, key, text)
		return text
	}
	v.check(o, o.At(key), key, text)
	return text
}

// checkSQL checks a template of SQL.
func (v variables) checkSQL(o doc.Section, key, text string) {
	refuseReference(o, key, text)
	v.check(o, o.At(key), key, text)
}

// checkAll checks the texts of a list. The first one is no template.
func (v variables) checkAll(o doc.Section, key string, texts []string) {
	for i, text := range texts {
		if i > 0 {
			v.check(o, item(o.At(key), i), key, text)
		}
	}
}

// functions are known to the parser, so that the walk finds those that are not allowed. They are never called here.
var functions = template.FuncMap{"json": func(value any) (string, error) {
	data, err := json.Marshal(value)
	return string(data), err
}}

var templateLine = regexp.MustCompile(`^template: [^:]*:([0-9]+):(?:[0-9]+: )? ?`)

// check reports what is wrong with a template.
func (v variables) check(o doc.Section, path, key, text string) {
	if !strings.Contains(text, "{{") {
		return
	}
	t, err := template.New("task").Funcs(functions).Parse(text)
	if err != nil {
		message := err.Error()
		if m := templateLine.FindStringSubmatch(message); m != nil {
			message = strings.TrimPrefix(message, m[0])
			if m[1] != "1" {
				message = "line " + m[1] + " of the text: " + message
			}
		}
		o.Src.FailAt(path, "%s is not a valid template: %s; write two braces that are meant as they are as {{\"{{\"}}", doc.Brief(key), message)
		return
	}
	w := templateWalk{variables: v}
	if len(t.Templates()) > 1 {
		w.fail("`define` and `block` are not supported: write the text where it is needed")
	}
	if t.Tree != nil {
		w.list(t.Root, false)
	}
	for _, problem := range w.problems {
		o.Src.FailAt(path, "%s: %s", doc.Brief(key), problem)
	}
}

// templateWalk walks over a parsed template. All its values are texts.
type templateWalk struct {
	variables variables
	problems  []string
}

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

// use reports a variable that the template does not have.
func (w *templateWalk) use(name string) {
	switch {
	case w.variables.any:
	case w.variables.slot && !slices.Contains(SlotVariables, name):
		w.fail("unknown variable %s%s; before there are tasks there are .%s", doc.Brief("."+name), doc.DidYouMean(name, SlotVariables), strings.Join(SlotVariables, ", ."))
	case !w.variables.slot && !slices.Contains(TaskVariables, name):
		w.fail("unknown variable %s%s; the tasks of this job have .%s, and columns only with `partition.sql`",
			doc.Brief("."+name), doc.DidYouMean(name, TaskVariables), strings.Join(TaskVariables, ", ."))
	}
}
