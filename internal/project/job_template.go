// Checks the templates of jobs: that they parse, call allowed functions only, and use variables that tasks have.

package project

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"text/template"

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
	if IsReference(text) {
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
	if t.Tree == nil { // only comments
		return
	}
	used, problems := WalkTemplate(t.Root)
	if len(t.Templates()) > 1 {
		problems = append(problems, "`define` and `block` are not supported: write the text where it is needed")
	}
	for _, name := range used {
		if problem := v.unknown(name); problem != "" {
			problems = append(problems, problem)
		}
	}
	for _, problem := range problems {
		o.Src.FailAt(path, "%s: %s", doc.Brief(key), problem)
	}
}

// unknown says that a template does not have a variable; empty if it may have.
func (v variables) unknown(name string) string {
	switch {
	case v.any:
	case v.slot && !slices.Contains(SlotVariables, name):
		return fmt.Sprintf("unknown variable %s; before there are tasks there are .%s%s", doc.Brief("."+name), strings.Join(SlotVariables, ", ."), doc.DidYouMean(name, SlotVariables))
	case !v.slot && !slices.Contains(TaskVariables, name):
		return fmt.Sprintf("unknown variable %s; the tasks of this job have .%s, and columns only with `partition.sql`%s",
			doc.Brief("."+name), strings.Join(TaskVariables, ", ."), doc.DidYouMean(name, TaskVariables))
	}
	return ""
}
