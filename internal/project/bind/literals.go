// Comparisons that no event can satisfy: with a literal that its column never has, a sum or count would silently be zero.

package bind

import (
	"fmt"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/project"
	"bursar/internal/project/doc"
)

// domain lists the values that a column can have.
type domain struct {
	values []string
	source string // where they are declared
}

// checkStreamLiterals checks the conditions of a stream's control totals.
func (src *binding) checkStreamLiterals(s *project.Stream) {
	for _, t := range s.Totals {
		src.checkExprLiterals("totals."+t.Name+".where", t.Where, declaredDomains([]*project.Stream{s}))
	}
}

// checkPipelineLiterals checks the conditions and operands of folds, and comparisons of the artifact's columns.
func (src *binding) checkPipelineLiterals(p *project.Pipeline, e *project.Events) {
	for i := range p.Artifact {
		f := &p.Artifact[i]
		if f.Kind == project.Is || f.Kind == project.Typed {
			continue
		}
		path := "artifact." + f.Name + ".where"
		r := src.analyze(path, f.Where)
		streams := matchingStreams(e, p, &r)
		declared := declaredDomains(streams)
		if f.Expr != "" {
			src.checkExprLiterals("artifact."+f.Name+"."+string(f.Kind), f.SQL(), declared)
		}
		if p.Listed {
			declared[project.StreamColumn] = domain{p.From, "`from`"}
		}
		src.checkLiterals(path, &r, declared)
	}
	src.checkKeyLiterals(p, e)
	made := artifactDomains(p, e)
	for i := range p.Artifact {
		if f := &p.Artifact[i]; f.Kind == project.Is {
			src.checkExprLiterals("artifact."+f.Name+".is", f.Expr, made)
		}
	}
	src.checkExprLiterals("exceptions.where", p.Exceptions.Where, made)
}

func (src *binding) checkExprLiterals(path, expr string, domains map[string]domain) {
	r := src.analyze(path, expr)
	src.checkLiterals(path, &r, domains)
}

// checkLiterals reports constants that their column never has.
func (src *binding) checkLiterals(path string, r *column.Analysis, domains map[string]domain) {
	key := doc.Brief(path[strings.LastIndexByte(path, '.')+1:])
	if strings.HasPrefix(path, "key.") {
		key = doc.Brief("key")
	}
	for i := range r.Conditions {
		c := &r.Conditions[i]
		d, known := domains[strings.ToLower(c.Column)]
		if c.Null {
			src.failStored(path, "%s compares %s with NULL, which is never true: write IS NULL or IS NOT NULL", key, doc.Brief(c.Column))
		}
		if !known || !c.Texts {
			continue
		}
		for _, value := range c.Values {
			if !slices.Contains(d.values, value) {
				src.failStored(path, "%s compares %s with '%s', which it never is: %s has %s%s", key, doc.Brief(c.Column), strings.Trim(doc.Brief(value), "`"),
					d.source, strings.Join(d.values, ", "), doc.DidYouMean(value, d.values))
			}
		}
	}
}

// matchingStreams returns the streams whose events may satisfy a condition.
func matchingStreams(e *project.Events, p *project.Pipeline, r *column.Analysis) []*project.Stream {
	streams := e.Streams
	if !p.Listed {
		return streams
	}
	for i := range r.Conditions {
		if c := &r.Conditions[i]; c.Always && c.Texts && c.IsOn(project.StreamColumn) {
			streams = slices.DeleteFunc(slices.Clone(streams), func(s *project.Stream) bool { return slices.Contains(c.Values, s.Name) != c.Equal })
		}
	}
	return streams
}

// declaredDomains returns the declared values of columns by lower-case name, combined over all streams. A column has a domain only if
// each stream with the column declares one.
func declaredDomains(streams []*project.Stream) map[string]domain {
	known, open := map[string]domain{}, map[string]bool{}
	for _, s := range streams {
		for i := range s.Columns {
			c := &s.Columns[i]
			d := known[c.Name]
			open[c.Name] = open[c.Name] || len(c.In) == 0
			for _, value := range c.In {
				if !slices.Contains(d.values, value) {
					d.values = append(d.values, value)
				}
			}
			if d.source == "" {
				d.source = fmt.Sprintf("`in` (%s:%d)", s.File, c.Line)
			}
			known[c.Name] = d
		}
	}
	for name := range open {
		if open[name] {
			delete(known, name)
		}
	}
	return known
}

// artifactDomains returns the values that an artifact's columns can have: key columns, and columns that contain a value of an event.
func artifactDomains(p *project.Pipeline, e *project.Events) map[string]domain {
	of, made := declaredDomains(e.Streams), map[string]domain{}
	if p.Keys == nil {
		for _, name := range p.Key {
			if d, ok := of[name]; ok {
				made[name] = d
			}
		}
	}
	for i := range p.Artifact {
		f := &p.Artifact[i]
		if d, ok := of[f.Expr]; ok && slices.Contains([]project.FoldKind{project.First, project.Last, project.Min, project.Max}, f.Kind) {
			made[f.Name] = d
		}
	}
	return made
}
