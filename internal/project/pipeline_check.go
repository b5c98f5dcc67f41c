// What a pipeline's keys must say about its stream's columns and its own (static: no SQL is bound).

package project

import (
	"slices"

	"bursar/internal/column"
)

// check reports names that lead nowhere.
func (p *Pipeline) check(src *source, project *Project) {
	p.checkNames(src)
	s := project.Stream(p.From)
	if s == nil && p.From != "" {
		names := make([]string, len(project.Streams))
		for i, other := range project.Streams {
			names[i] = other.Name
		}
		src.failAt("from", "no stream %s%s", brief(p.From), didYouMean(nearest(p.From, names)))
	}
	if s == nil || len(s.Columns) == 0 { // a stream that could not be read is reported in its own file
		return
	}
	for i, name := range p.Key {
		path := item("key", i)
		if c := s.reference(src, path, name); c != nil {
			s.checkIdentifying(src, path, "key", c)
		}
	}
	for i := range p.Artifact {
		p.Artifact[i].check(src, s)
	}
	for _, c := range p.Conserve {
		p.checkConserve(src, s, c)
	}
}

// checkNames looks at the artifact's own names only.
func (p *Pipeline) checkNames(src *source) {
	names := make([]string, len(p.Artifact))
	for i, f := range p.Artifact {
		names[i] = f.Name
		if slices.Contains(p.Key, f.Name) {
			src.failAt("artifact."+f.Name, "artifact column %s is a key column already: give it another name", brief(f.Name))
		}
	}
	if since := p.Exceptions.Since; since != "" && len(names) > 0 && !slices.Contains(names, since) {
		src.failAt("exceptions.since", "no artifact column %s%s", brief(since), didYouMean(nearest(since, names)))
	}
}

func (f *Fold) check(src *source, s *Stream) {
	path := "artifact." + f.Name
	if f.Kind != Is && namePattern.MatchString(f.Expr) {
		s.reference(src, path+"."+string(f.Kind), f.Expr)
	}
	for i, name := range f.Items {
		s.reference(src, item(path+".list", i), name)
	}
	for i, name := range f.By {
		c := s.reference(src, item(path+".by", i), name)
		if c != nil && c.Type.Kind == column.JSON {
			src.failAt(item(path+".by", i), "`by` column %s is json, which has no order", brief(name))
		}
	}
}

// checkConserve keeps rule 4 checkable: a total per group can be compared only if the key tells the group.
func (p *Pipeline) checkConserve(src *source, s *Stream, c Conserve) {
	path := "conserve." + c.Total
	t := s.Total(c.Total)
	switch {
	case t == nil && len(s.Totals) == 0:
		src.failAt(path, "no total %s: stream %s declares no totals", brief(c.Total), s.Name)
	case t == nil:
		names := make([]string, len(s.Totals))
		for i := range s.Totals {
			names[i] = s.Totals[i].Name
		}
		src.failAt(path, "no total %s in stream %s%s", brief(c.Total), s.Name, didYouMean(nearest(c.Total, names)))
	case t.By != "" && len(p.Key) > 0 && !slices.Contains(p.Key, t.By):
		src.failAt(path, "total %s is summed by %s, which is not in the key: add it to the key, or declare a total without `by`",
			brief(c.Total), brief(t.By))
	}
}
