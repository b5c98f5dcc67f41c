// Folds over streams that keep versions: which of them would take every version of an event.

package bind

import (
	"strings"

	"bursar/internal/project"
	"bursar/internal/project/doc"
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
