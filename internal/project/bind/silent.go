// What would silently give wrong results: comparisons that no event can satisfy, and folds that would add up what belongs apart: groups of a
// control total, such as currencies, and versions of an event.

package bind

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/project"
	"bursar/internal/project/doc"
)

// checkMixedSums reports sums of a measure over several groups if its control total is grouped. Sums that do not bind are skipped.
func (src *binding) checkMixedSums(p *project.Pipeline, e *project.Events, unbound map[string]bool) {
	for i := range p.Artifact {
		f := &p.Artifact[i]
		if f.Kind != project.Sum || f.Mixed || unbound[f.Name] {
			continue
		}
		path := "artifact." + f.Name + ".sum"
		where, sum := src.analyze(path, f.Where), src.analyze(path, f.SQL())
		streams := matchingStreams(e, p, &where)
		for _, s := range streams {
			if len(streams) == 1 && keyIdentifies(p, s) {
				continue
			}
			if t := src.mixedTotal(p, s, &where, &sum); t != nil {
				src.failStored(path, "`sum` adds up amounts of every %s, which total %s of stream %s keeps apart (`by: %s`, %s:%d): add %s to the key, "+
					"take one value of it (`where: \"%s\"`), or write `mixed: ok` beside the sum if they may be added up",
					t.By, doc.Brief(t.Name), s.Name, t.By, s.File, t.Line, t.By, examplePin(s, t.By))
				break
			}
		}
	}
}

// checkMixedSQL reports an SQL file that reads a measure but not the column that its control total is grouped by.
func (src *binding) checkMixedSQL(p *project.Pipeline, e *project.Events) {
	if p.Reduce == nil || p.Mixed {
		return
	}
	reads := column.Analysis{Columns: sqlName.FindAllString(commentOrString.ReplaceAllString(p.Reduce.Text, " "), -1)}
	for _, s := range e.Streams {
		if t := src.mixedTotal(p, s, &column.Analysis{}, &reads); t != nil && !reads.Uses(t.By) {
			src.failStored("reduce", "`reduce` reads amounts and not their %s, which total %s of stream %s keeps apart (`by: %s`, %s:%d): add %s to the key, "+
				"use it in the SQL, or write `mixed: ok` in the pipeline if they may be added up", t.By, doc.Brief(t.Name), s.Name, t.By, s.File, t.Line, t.By)
			return
		}
	}
}

// mixedTotal returns a control total of a stream that keeps separate what a sum adds up, or nil.
func (src *binding) mixedTotal(p *project.Pipeline, s *project.Stream, where, sum *column.Analysis) *project.Total {
	for i := range s.Totals {
		t := &s.Totals[i]
		if t.By != "" && !slices.Contains(p.KeyOf(s.Name), t.By) && !where.Pins(t.By) && src.measures(s, sum, t.Sum) {
			return t
		}
	}
	return nil
}

// measures reports whether a sum depends on a measure, directly or through a computed column.
func (src *binding) measures(s *project.Stream, sum *column.Analysis, measure string) bool {
	if sum.Uses(measure) {
		return true
	}
	for i := range s.Columns {
		c := &s.Columns[i]
		if c.Is == "" || !sum.Uses(c.Name) {
			continue
		}
		if is := src.analyze("artifact", c.Is); is.Uses(measure) {
			return true
		}
	}
	return false
}

// keyIdentifies reports whether each event of a stream has a different key.
func keyIdentifies(p *project.Pipeline, s *project.Stream) bool {
	return !s.DerivedID() && !slices.ContainsFunc(s.ID, func(id string) bool { return !slices.Contains(p.KeyOf(s.Name), id) })
}

// examplePin is a condition that selects one group, for a message.
func examplePin(s *project.Stream, by string) string {
	c := s.Column(by)
	if c.Type.Kind != column.String {
		return by + " = …"
	}
	value := "EUR"
	if by != "currency" {
		value = "…"
	}
	if len(c.In) > 0 {
		value = c.In[0]
	}
	return fmt.Sprintf("%s = '%s'", by, cmp.Or(value, "…"))
}

var (
	commentOrString = regexp.MustCompile(`(?s)--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'`) // comments and strings
	sqlName         = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)
)

// checkUnorderedVersions reports a reduce file that does not use ReceivedColumn: it would count or add up every version of an event, and no
// check of its results can detect that.
func (src *binding) checkUnorderedVersions(p *project.Pipeline, e *project.Events) {
	for _, s := range e.Streams {
		if !s.Versions || strings.Contains(strings.ToLower(p.Reduce.Text), project.ReceivedColumn) {
			continue
		}
		src.inFile(p.Reduce, func(file *doc.File) {
			file.Fail(1, "it takes every version of an event, as stream %s keeps versions (%s:%d): take one of each, such as the last with `QUALIFY row_number() OVER (PARTITION BY %s ORDER BY %s DESC) = 1`; "+
				"where all are meant, name %s in a comment", s.Name, s.File, s.Lines().At("versions"), strings.Join(s.IDColumns(), ", "), project.ReceivedColumn, project.ReceivedColumn)
		})
		return
	}
}

// checkAddedVersions reports folds that would count or add up every version of an event.
func (src *binding) checkAddedVersions(p *project.Pipeline, e *project.Events) {
	for i := range p.Artifact {
		f := &p.Artifact[i]
		if f.Kind != project.Sum && f.Kind != project.Count {
			continue
		}
		path := "artifact." + f.Name + "." + string(f.Kind)
		where := src.analyze(path, f.Where)
		for _, s := range matchingStreams(e, p, &where) {
			if s.Versions {
				src.FailAt(path, "`%s` would take every version of an event, as stream %s keeps versions (%s:%d): use first, last, min, max or list, "+
					"such as `last` with `by: %s` and the event's id in the key", f.Kind, s.Name, s.File, s.Lines().At("versions"), project.ReceivedColumn)
				break
			}
		}
	}
}

// domain lists the values that a column can have.
type domain struct {
	values []string
	source string // where they are declared
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
