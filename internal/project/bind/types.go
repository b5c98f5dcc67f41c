// The types of an artifact's columns: its key, and the order in which computed columns can be evaluated.

package bind

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/project"
	"bursar/internal/project/doc"
)

// Types is the result of binding a pipeline's SQL.
type Types struct {
	Types []column.Field // the artifact's columns, in declared order
	Order []string       // the `is` columns, each after all columns that it uses
	Delta []column.Field // the columns of reduce's SQL file after the key; nil with folds
}

// Pipeline finds the types of a pipeline's columns over its events: count is bigint, a sum is bigint or decimal(38, scale), list is a list of
// its items, a typed column has its declared type, all others the type of their expression. Columns with an error have kind 0.
func Pipeline(ctx context.Context, p *project.Pipeline, e *project.Events, b Binder) (Types, []doc.Error) {
	src := newBinding(ctx, p.File, p.Lines(), b)
	for i := range e.Key {
		if e.Key[i].Type.Kind == 0 {
			src.keyType(p, e, i)
		}
	}
	if len(src.Errs) > 0 {
		return Types{}, src.Errs
	}
	made := src.artifact(p, e)
	if len(src.Errs) == 0 && p.Reduce != nil {
		src.bindSQLFiles(p, e, &made)
	}
	return made, src.Errs
}

func (src *binding) artifact(p *project.Pipeline, e *project.Events) Types {
	made := Types{Types: make([]column.Field, len(p.Artifact))}
	known := e.KeyTypes()
	var unknown, waiting []string
	for i := range p.Artifact {
		f := &p.Artifact[i]
		made.Types[i].Name = f.Name
		if f.Kind == project.Is {
			waiting = append(waiting, f.Name)
			continue
		}
		t, ok := src.fold(f, e)
		if !ok {
			unknown = append(unknown, f.Name)
			continue
		}
		made.Types[i].Type = t
		known = append(known, made.Types[i])
	}
	src.bindComputedColumns(p, &made, known, waiting, unknown)
	return made
}

// fold returns the type of a column that is folded from events.
func (src *binding) fold(f *project.Fold, e *project.Events) (column.Type, bool) {
	switch f.Kind {
	case project.Typed:
		return f.Type, true
	case project.Count:
		return column.Type{Kind: column.BigInt}, true
	case project.ListOf:
		t := column.Type{Kind: column.List}
		for _, name := range f.Items {
			t.Fields = append(t.Fields, column.Field{Name: name, Type: e.Column(name).Type})
		}
		return t, true
	}
	path := "artifact." + f.Name + "." + string(f.Kind)
	t, ok := src.operand(path, f, e)
	switch {
	case !ok:
		return t, false
	case f.Kind == project.Sum:
		return src.sum(path, t)
	case t.Kind == column.JSON && (f.Kind == project.Min || f.Kind == project.Max):
		src.FailAt(path, "`%s` needs an order, but json has none", f.Kind)
		return t, false
	}
	return t, true
}

// operand returns the type of what is folded. A column has its declared type: json is text in SQL.
func (src *binding) operand(path string, f *project.Fold, e *project.Events) (column.Type, bool) {
	if c := e.Column(f.Expr); c != nil {
		return c.Type, true
	}
	return src.bind(path, e.Types(), f.SQL(), column.InRuns)
}

// sum returns the type of a sum. A decimal sum is so wide that it overflows rather than loses digits (rule 2).
func (src *binding) sum(path string, t column.Type) (column.Type, bool) {
	switch t.Kind {
	case column.Decimal:
		return column.Type{Kind: column.Decimal, Precision: 38, Scale: t.Scale}, true
	case column.Int, column.BigInt:
		return column.Type{Kind: column.BigInt}, true
	}
	src.FailAt(path, "`sum` needs decimal, int or bigint; this is %s", t)
	return t, false
}

// bindComputedColumns binds the `is` columns in rounds: a column that binds over the known columns is known in the next round.
func (src *binding) bindComputedColumns(p *project.Pipeline, made *Types, known []column.Field, waiting, unknown []string) {
	for progress := true; progress && len(waiting) > 0; {
		progress = false
		var next []string
		for _, name := range waiting {
			f := p.Fold(name)
			if expr := project.Instants(f.Expr, known); expr != f.Expr { // it is rewritten only by the first binding
				f.Expr = expr
			}
			t, err := src.binder.Bind(src.ctx, known, f.Expr, column.InRuns)
			if err != nil {
				next = append(next, name)
				continue
			}
			progress = true
			made.Order = append(made.Order, name)
			at := slices.IndexFunc(made.Types, func(n column.Field) bool { return n.Name == name })
			made.Types[at].Type = t
			known = append(known, made.Types[at])
		}
		waiting = next
	}
	src.explain(p, known, waiting, append(unknown, waiting...))
}

// explain reports why columns could not be computed: an error in their expression, or a cycle. A column that only depends on another
// column with an error is not reported.
func (src *binding) explain(p *project.Pipeline, known []column.Field, waiting, unknown []string) {
	uses := map[string][]string{}
	for _, name := range waiting {
		expr := p.Fold(name).Expr
		uses[name] = mentionedNames(expr, unknown)
		if len(uses[name]) == 0 {
			src.bind("artifact."+name+".is", known, expr, column.InRuns)
		}
	}
	reported := map[string]bool{}
	for _, name := range waiting {
		cycle := findCycle(uses, name)
		if len(cycle) == 0 || slices.ContainsFunc(cycle, func(n string) bool { return reported[n] }) {
			continue
		}
		for _, n := range cycle {
			reported[n] = true
		}
		src.FailAt("artifact."+name+".is", "`is` columns are computed from one another in a cycle: %s", strings.Join(append(cycle, name), ", "))
	}
}

// sqlWord matches strings, quoted identifiers and words; a word before a parenthesis is a function.
var sqlWord = regexp.MustCompile(`'(?:[^']|'')*'|"((?:[^"]|"")*)"|([A-Za-z_][A-Za-z0-9_]*)(\s*\()?`)

// mentionedNames returns those of the names that occur in an expression as identifiers.
func mentionedNames(expr string, names []string) []string {
	var found []string
	for _, m := range sqlWord.FindAllStringSubmatch(expr, -1) {
		if m[3] != "" {
			continue
		}
		name := strings.ToLower(m[1] + m[2]) // one of them is empty; SQL identifiers have no case
		if slices.Contains(names, name) && !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	return found
}

// findCycle returns the names on a path from a name back to itself, beginning with it; nil if there is none.
func findCycle(uses map[string][]string, start string) []string {
	visited := map[string]bool{}
	var walk func(name string) []string
	walk = func(name string) []string {
		for _, next := range uses[name] {
			if next == start {
				return []string{name}
			}
			if visited[next] {
				continue
			}
			visited[next] = true
			if rest := walk(next); rest != nil {
				return append([]string{name}, rest...)
			}
		}
		return nil
	}
	return walk(start)
}

var keyKinds = []column.Kind{column.String, column.Bool, column.Int, column.BigInt, column.Decimal, column.Date, column.Timestamp}

// keyType binds the expressions of one column of the key, and sets its type: the common type in all streams.
func (src *binding) keyType(p *project.Pipeline, e *project.Events, i int) {
	k := &e.Key[i]
	for _, name := range p.From {
		t, ok := src.partType(p, e.Stream(name), i)
		if !ok {
			continue
		}
		both, ok := project.Widen(k.Type, t)
		if !ok {
			src.FailAt(p.KeyPath(name, i), "key column %s must have one type: %s gives %s, and in the streams named before it is %s", doc.Brief(k.Name), doc.Brief(p.KeyOf(name)[i]), t, k.Type)
			continue
		}
		k.Type = both
	}
}

func (src *binding) partType(p *project.Pipeline, s *project.Stream, i int) (column.Type, bool) {
	part, path := p.KeyOf(s.Name)[i], p.KeyPath(s.Name, i)
	if project.BareName.MatchString(part) {
		return s.Column(part).Type, true
	}
	t, err := src.binder.Bind(src.ctx, s.Types(), part, column.InRuns)
	if err != nil {
		src.FailAt(path, "key expression %s does not bind: %s", doc.Brief(part), strings.Join(strings.Fields(err.Error()), " "))
		return t, false
	}
	if !project.IsKind(t, keyKinds...) {
		src.FailAt(path, "key expression %s gives %s: a key is string, bool, int, bigint, decimal, date or timestamp", doc.Brief(part), t)
		return t, false
	}
	return t, true
}

func (src *binding) checkKeyLiterals(p *project.Pipeline, e *project.Events) {
	for _, s := range e.Streams {
		for i, part := range p.KeyOf(s.Name) {
			if !project.BareName.MatchString(part) {
				src.checkExprLiterals(p.KeyPath(s.Name, i), part, declaredDomains([]*project.Stream{s}))
			}
		}
	}
}
