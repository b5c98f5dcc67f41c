// Checks the keys of a pipeline file against the columns of its streams and its own (without binding SQL).

package project

import (
	"slices"

	"bursar/internal/column"
	"bursar/internal/project/doc"
)

// check reports references to missing names, except those of `conserve`. It returns the events, nil if streams are missing.
func (p *Pipeline) check(src *doc.File, project *Project) *Events {
	p.checkNames(src)
	if !p.checkFrom(src, project) { // a stream that could not be read is reported in its own file
		return nil
	}
	streams := project.streamsOf(p)
	p.checkColumns(src, streams)
	for _, name := range p.From {
		p.checkKey(src, project.Stream(name))
	}
	p.checkKeyTypes(src, project)
	events := &Events{Columns: p.columns(streams), Streams: streams}
	p.castInstants(events)
	for i := range p.Artifact {
		p.Artifact[i].check(src, events)
	}
	return events
}

// checkFrom reports missing streams; ok is true if all exist and have columns.
func (p *Pipeline) checkFrom(src *doc.File, project *Project) (ok bool) {
	names := namesOf(project.AllStreams(), streamName)
	ok = len(p.From) > 0
	for i, name := range p.From {
		s := project.Stream(name)
		if s == nil {
			src.FailAt(item("from", i), "no stream %s%s", doc.Brief(name), doc.DidYouMean(name, names))
		}
		ok = ok && s != nil && len(s.Columns) > 0
	}
	return ok
}

// checkColumns reports columns of the same name whose types have no common type.
func (p *Pipeline) checkColumns(src *doc.File, streams []*Stream) {
	seen := map[string]*Column{}
	of := map[string]*Stream{}
	for _, s := range streams {
		for i := range s.Columns {
			c := &s.Columns[i]
			if p.Listed && c.Name == StreamColumn {
				src.FailAt("from", "stream %s has a column %s of its own (%s:%d), which names the stream where `from` is a list: give it another name and say `from: %s`",
					s.Name, doc.Brief(c.Name), s.File, c.Line, c.Name)
			}
			first := seen[c.Name]
			if first == nil {
				seen[c.Name], of[c.Name] = c, s
				continue
			}
			together, ok := column.Widen(first.Type, c.Type)
			if first.Type.Kind == 0 || c.Type.Kind == 0 {
				continue // which has been reported
			}
			if !ok {
				src.FailAt("from", "column %s is %s in %s:%d and %s in %s:%d: columns of one name must have one type",
					doc.Brief(c.Name), first.Type, of[c.Name].File, first.Line, c.Type, s.File, c.Line)
				continue
			}
			seen[c.Name] = &Column{Name: c.Name, Line: first.Line, Type: together}
		}
	}
}

func (p *Pipeline) checkNames(src *doc.File) {
	names := namesOf(p.Artifact, func(f *Fold) string { return f.Name })
	for _, f := range p.Artifact {
		if p.History && slices.Contains(HistoryColumns, f.Name) {
			src.FailAt("artifact."+f.Name, "column %s is that of the history, which has when a version was valid: give it another name", doc.Brief(f.Name))
		}
		if slices.Contains(p.Key, f.Name) {
			src.FailAt("artifact."+f.Name, "artifact column %s is a key column already: give it another name", doc.Brief(f.Name))
		}
	}
	all := slices.Concat(p.Key, names)
	for i, name := range p.Show {
		if len(names) > 0 && !slices.Contains(all, name) {
			src.FailAt(item("show", i), "no key or artifact column %s%s", doc.Brief(name), doc.DidYouMean(name, all))
		}
	}
	if since := p.Exceptions.Since; since != "" && len(names) > 0 && !slices.Contains(names, since) {
		src.FailAt("exceptions.since", "no artifact column %s%s", doc.Brief(since), doc.DidYouMean(since, names))
	}
}

func (f *Fold) check(src *doc.File, e *Events) {
	path := "artifact." + f.Name
	if f.Kind != Is && doc.IsName(f.Expr) {
		e.reference(src, path+"."+string(f.Kind), f.Expr)
	}
	for i, name := range f.Items {
		e.reference(src, item(path+".list", i), name)
	}
	for i, name := range f.By {
		if name == ReceivedColumn {
			e.checkReceived(src, item(path+".by", i), f.By[:i])
			continue
		}
		c := e.reference(src, item(path+".by", i), name)
		if c != nil && c.Type.Kind == column.JSON {
			src.FailAt(item(path+".by", i), "`by` column %s is json, which has no order", doc.Brief(name))
		}
	}
}

// checkConserve makes sure that rule 4 can be checked: totals of one name must add up over the streams, and a grouped total can be
// compared only if the group is part of the key.
func (p *Pipeline) checkConserve(src *doc.File, e *Events, c Conserve) {
	path := "conserve." + c.Total
	streams := e.Totals(c.Total)
	if len(streams) == 0 {
		p.failNoTotal(src, e, path, c.Total)
		return
	}
	first := streams[0].Total(c.Total)
	for _, s := range streams {
		t := s.Total(c.Total)
		place := slices.Index(p.KeyOf(s.Name), t.By)
		measure, of := s.Column(t.Sum), streams[0].Column(first.Sum)
		switch {
		case s.Versions:
			src.FailAt(path, "total %s counts every version of an event that stream %s received (`versions: keep`, %s:%d), and no artifact moves by that: "+
				"remove it from `conserve`", doc.Brief(c.Total), s.Name, s.File, s.lines.At("versions"))
		case t.By != "" && len(p.Key) > 0 && place < 0:
			src.FailAt(path, "total %s is summed by %s, which is not in the key: add it to the key, or declare a total without `by`",
				doc.Brief(c.Total), doc.Brief(t.By))
		case (t.By == "") != (first.By == "") || place != slices.Index(p.KeyOf(streams[0].Name), first.By):
			src.FailAt(path, "total %s is grouped otherwise in %s:%d than in %s:%d: totals of one name add up only in the same groups",
				doc.Brief(c.Total), s.File, t.Line, streams[0].File, first.Line)
		case measure != nil && of != nil && measure.Type.Scale != of.Type.Scale:
			src.FailAt(path, "total %s has %d decimals in %s:%d and %d in %s:%d: totals of one name add up only with the same",
				doc.Brief(c.Total), measure.Type.Scale, s.File, t.Line, of.Type.Scale, streams[0].File, first.Line)
		}
	}
}

func (p *Pipeline) failNoTotal(src *doc.File, e *Events, path, name string) {
	var names []string
	for _, s := range e.Streams {
		names = append(names, namesOf(s.Totals, func(t *Total) string { return t.Name })...)
	}
	if len(names) == 0 {
		src.FailAt(path, "no total %s: %s declares no totals", doc.Brief(name), e.names())
		return
	}
	src.FailAt(path, "no total %s in %s%s", doc.Brief(name), e.names(), doc.DidYouMean(name, names))
}
