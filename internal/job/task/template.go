// Templates of a job's declaration: how they are parsed and rendered, and what values become in them.

package task

import (
	"encoding/json"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"net/url"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"

	"bursar/internal/project"
	"bursar/internal/project/doc"
)

// maxRendered is the most bytes of a rendered text.
const maxRendered = 16 << 20

// The functions that escape what an action prints. Declarations can't call them.
const (
	sqlFunction     = "bursar_sql"
	addressFunction = "bursar_address"
	urlFunction     = "bursar_url"
)

var functions = map[string]any{
	"json":          quoteJSON,
	sqlFunction:     mark,
	addressFunction: mark,
	urlFunction:     escapeURL,
}

// text is a template of the declaration.
type text struct {
	place     string // file:line: key
	key       string
	reference string // env:NAME or vault:NAME instead of a template
	variables []string
	escape    string // the function that its actions call; empty: none
	isValue   bool   // it begins with a value
	template  interface {
		Execute(w io.Writer, data any) error
	}
}

// render renders a text. Its errors don't contain values.
func (t *text) render(v values) (string, error) {
	if t == nil {
		return "", nil
	}
	data := map[string]any(v)
	if t.escape != sqlFunction {
		data = v.texts()
	}
	w := &limited{}
	if err := t.template.Execute(w, data); err != nil {
		if w.full {
			err = fmt.Errorf("it has more than %d MB", maxRendered>>20)
		}
		return "", badf("%s: render the template: %s", t.place, templateCause(err))
	}
	out, err := w.String(), error(nil)
	switch t.escape {
	case sqlFunction:
		out, err = place(out)
	case addressFunction:
		out, err = placeAddresses(out)
	}
	if err != nil {
		return "", badf("%s: %w", t.place, err)
	}
	return out, nil
}

// limited is a text of at most maxRendered bytes.
type limited struct {
	strings.Builder
	full bool
}

func (l *limited) Write(p []byte) (int, error) {
	if l.full = l.Len()+len(p) > maxRendered; l.full {
		return 0, io.ErrShortWrite
	}
	return l.Builder.Write(p)
}

// parser parses the templates of a job and collects their errors. Its methods return nil for an empty text.
type parser struct {
	job   *project.Job
	texts []*text
	errs  []doc.Error
}

// text parses a text in which values are what they are.
func (p *parser) text(key, content string) *text { return p.parse(key, content, "") }

// sql parses a statement in which values become literals.
func (p *parser) sql(key, content string) *text { return p.parse(key, content, sqlFunction) }

// addresses parses a list of addresses, in which each value stays within its address or name.
func (p *parser) addresses(key, content string) *text {
	if !strings.Contains(content, "{{") {
		return p.text(key, content)
	}
	return p.parse(key, content, addressFunction)
}

// url parses a URL in which values are percent-encoded, unless it begins with one.
func (p *parser) url(key, content string) *text {
	if strings.HasPrefix(content, "{{") {
		return p.text(key, content)
	}
	return p.setting(key, content, urlFunction)
}

// setting parses a text that may be a reference instead.
func (p *parser) setting(key, content, escape string) *text {
	if !project.IsReference(content) {
		return p.parse(key, content, escape)
	}
	return &text{place: p.place(key), key: key, reference: content}
}

// arguments parses the words of a command. Which command it is must not depend on values.
func (p *parser) arguments(key string, words []string) (list []*text) {
	for i, word := range words {
		t := p.parse(key, word, "")
		if i == 0 && t != nil && strings.Contains(word, "{{") {
			p.fail(key, errors.New("its first word must not be a template: values would decide what is executed"))
		}
		list = append(list, t)
	}
	return list
}

// place says where a key is written.
func (p *parser) place(key string) string {
	return fmt.Sprintf("%s:%d: %s", p.job.File, p.job.Lines().At(key), key)
}

func (p *parser) fail(key string, err error) {
	p.errs = append(p.errs, doc.Error{File: p.job.File, Line: p.job.Lines().At(key), Message: key + ": " + err.Error()})
}

func (p *parser) parse(key, content, escape string) *text {
	if content == "" {
		return nil
	}
	parsed, err := template.New(key).Option("missingkey=error").Funcs(functions).Parse(content)
	if err != nil {
		p.fail(key, errors.New(templateCause(err)))
		return nil
	}
	t := p.add(key, parsed.Tree, len(parsed.Templates()))
	if t == nil {
		return nil
	}
	t.escape, t.isValue, t.template = escape, strings.HasPrefix(content, "{{"), parsed
	if escape != "" {
		escapeActions(parsed.Root, escape)
	}
	p.try(t, content)
	return t
}

// html parses a text in HTML, in which values are escaped according to where they stand.
func (p *parser) html(key, content string) *text {
	if content == "" {
		return nil
	}
	parsed, err := htmltemplate.New(key).Option("missingkey=error").Funcs(functions).Parse(content)
	if err != nil {
		p.fail(key, errors.New(templateCause(err)))
		return nil
	}
	t := p.add(key, parsed.Tree, len(parsed.Templates()))
	if t == nil {
		return nil
	}
	t.template = parsed
	if err := parsed.Execute(io.Discard, t.sample()); errors.As(err, new(*htmltemplate.Error)) {
		p.fail(key, errors.New(templateCause(err)))
		return nil
	}
	return t
}

// add checks a parsed template and remembers it; nil if it is not valid.
func (p *parser) add(key string, tree *parse.Tree, templates int) *text {
	used, problems := project.WalkTemplate(tree.Root)
	if templates > 1 {
		problems = append(problems, "`define` and `block` are not supported: write the text where it is needed")
	}
	for _, problem := range problems {
		p.fail(key, errors.New(problem))
	}
	if len(problems) > 0 {
		return nil
	}
	t := &text{place: p.place(key), key: key, variables: used}
	p.texts = append(p.texts, t)
	return t
}

// sample has some value for each variable of a text.
func (t *text) sample() values {
	v := values{}
	for _, name := range t.variables {
		v[name] = "1"
	}
	return v
}

// badFormat is in the output of printf if the format does not fit its arguments.
const badFormat = "%!"

// try reports a value that is written where there is no place for one, and a format that does not fit. What else can fail depends on the values.
func (p *parser) try(t *text, content string) {
	var wrong *placeError
	out, err := t.render(t.sample())
	switch {
	case errors.As(err, &wrong):
		p.fail(t.key, wrong)
	case strings.Contains(out, badFormat) && !strings.Contains(content, badFormat):
		p.fail(t.key, errors.New("`printf` does not fit its arguments: all values are texts, whose verbs are %s, %q and %v"))
	}
}

// escapeActions lets a function escape what the actions of a template print.
func escapeActions(list *parse.ListNode, function string) {
	if list == nil {
		return
	}
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.ActionNode:
			if len(n.Pipe.Decl) == 0 && (function != urlFunction || !endsWith(n.Pipe, "urlquery")) {
				name := parse.NewIdentifier(function).SetPos(n.Pos)
				n.Pipe.Cmds = append(n.Pipe.Cmds, &parse.CommandNode{NodeType: parse.NodeCommand, Pos: n.Pos, Args: []parse.Node{name}})
			}
		case *parse.IfNode:
			escapeActions(n.List, function)
			escapeActions(n.ElseList, function)
		case *parse.WithNode:
			escapeActions(n.List, function)
			escapeActions(n.ElseList, function)
		}
	}
}

func endsWith(pipe *parse.PipeNode, function string) bool {
	last := pipe.Cmds[len(pipe.Cmds)-1]
	name, ok := last.Args[0].(*parse.IdentifierNode)
	return ok && name.Ident == function
}

// escapeURL percent-encodes a value for a path or a query.
func escapeURL(value any) string {
	return strings.ReplaceAll(url.QueryEscape(fmt.Sprint(value)), "+", "%20")
}

// quoteJSON writes a value as JSON.
func quoteJSON(value any) (string, error) {
	data, err := json.Marshal(value)
	return string(data), err
}

// templateCause omits from an error what names the template.
func templateCause(err error) string {
	message := err.Error()
	for _, prefix := range []string{"html/template:", "template: "} {
		if rest, found := strings.CutPrefix(message, prefix); found {
			if _, cause, found := strings.Cut(rest, ": "); found {
				return cause
			}
		}
	}
	return message
}

// Check reports variables of templates that neither each task nor the partition query has.
func (e *Executor) Check(columns []string) error {
	var errs []error
	for _, t := range e.texts {
		for _, name := range t.variables {
			isBuiltIn, isColumn := slices.Contains(project.TaskVariables, name), slices.Contains(columns, name)
			switch {
			case isBuiltIn && isColumn:
				errs = append(errs, fmt.Errorf("%s: .%s is a column of the partition query, and a variable that each task has: give the column another name with AS", t.place, name))
			case !isBuiltIn && !isColumn:
				known := slices.Compact(slices.Sorted(slices.Values(slices.Concat(project.TaskVariables, columns))))
				errs = append(errs, fmt.Errorf("%s: unknown variable .%s; there are .%s", t.place, name, strings.Join(known, ", .")))
			}
		}
	}
	if errs == nil {
		return nil
	}
	return badf("%w", errors.Join(errs...))
}
