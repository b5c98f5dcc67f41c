// Folds that would add up what belongs apart: groups of a control total, such as currencies, and versions of an event.

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
	reads := column.Analysis{Columns: sqlWords(p.Reduce)}
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

// sqlWords returns the names and keywords in the SQL.
func sqlWords(f *project.SQLFile) []string {
	return sqlName.FindAllString(commentOrString.ReplaceAllString(f.Text, " "), -1)
}

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
