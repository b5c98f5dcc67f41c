// Streams that keep versions: the same id with other values is a new version of the event.

package project

import (
	"slices"
	"strings"

	"bursar/internal/column"
)

// ReceivedColumn is the hidden column that orders the versions of an event: the number of the file in which each was received, then its
// row there. File numbers grow with receipt, and never change (rules 3 and 6).
const ReceivedColumn = "_received"

// readVersions reads `versions`, which can only be keep. It needs events with an id of their own.
func (s *Stream) readVersions(o section) bool {
	if !o.has("versions") {
		return false
	}
	if value := o.text("versions"); value != "keep" {
		if value != "" {
			o.fail("versions", "is %s: it can only be keep", brief(value))
		}
		return false
	}
	if s.DerivedID() {
		o.fail("versions", "needs events with an id of their own: with `id: %s` an event that comes again with other values has another id", s.ID[0])
		return false
	}
	return true
}

// receivedColumns returns the column that orders versions, by stream that keeps them.
func receivedColumns(streams []*Stream) map[string]string {
	of := map[string]string{}
	for _, s := range streams {
		if s.Versions {
			of[s.Name] = ReceivedColumn
		}
	}
	return of
}

// OrderColumn finds a column that a fold may be ordered by: one of the events, or that of their receipt. It is nil if there is none.
func (e *Events) OrderColumn(name string) *Column {
	for i := range e.IDs {
		if id := &e.IDs[i]; name == ReceivedColumn && id.Name == name {
			return &Column{Name: name, Type: id.Type, Optional: id.Optional}
		}
	}
	return e.Column(name)
}

// SQLTypes returns the name and type of every column that an SQL file may use: those of the events, and ReceivedColumn.
func (e *Events) SQLTypes() []column.Field {
	types := e.Types()
	if c := e.OrderColumn(ReceivedColumn); c != nil {
		types = append(types, column.Field{Name: c.Name, Type: c.Type})
	}
	return types
}

// checkReceived rejects an order by receipt if no versions are kept, or if it would compare file numbers of different streams.
func (e *Events) checkReceived(src *sourceFile, path string, before []string) {
	switch {
	case len(receivedColumns(e.Streams)) == 0:
		src.failAt(path, "%s orders the versions of events, and %s keeps none: declare `versions: keep` there, or name a column", brief(ReceivedColumn), e.names())
	case e.Several() && !slices.Contains(before, StreamColumn):
		src.failAt(path, "%s says where an event was received in its own stream, and cannot compare events of several: name %s before it, as in `by: [%s, %s]`",
			brief(ReceivedColumn), StreamColumn, StreamColumn, ReceivedColumn)
	}
}

// checkUnorderedVersions reports a reduce file that does not use ReceivedColumn: it would count or add up every version of an event, and no
// check of its results can detect that.
func (src *binding) checkUnorderedVersions(p *Pipeline, e *Events) {
	for _, s := range e.Streams {
		if !s.Versions || strings.Contains(strings.ToLower(p.Reduce.Text), ReceivedColumn) {
			continue
		}
		src.inFile(p.Reduce, func(file *sourceFile) {
			file.fail(1, "it takes every version of an event, as stream %s keeps versions (%s:%d): take one of each, such as the last with `QUALIFY row_number() OVER (PARTITION BY %s ORDER BY %s DESC) = 1`; "+
				"where all are meant, name %s in a comment", s.Name, s.File, s.lines.at("versions"), strings.Join(s.IDColumns(), ", "), ReceivedColumn, ReceivedColumn)
		})
		return
	}
}

// checkAddedVersions reports folds that would count or add up every version of an event.
func (src *binding) checkAddedVersions(p *Pipeline, e *Events) {
	for i := range p.Artifact {
		f := &p.Artifact[i]
		if f.Kind != Sum && f.Kind != Count {
			continue
		}
		path := "artifact." + f.Name + "." + string(f.Kind)
		where := src.analyze(path, f.Where)
		for _, s := range e.matchingStreams(p, &where) {
			if s.Versions {
				src.failAt(path, "`%s` would take every version of an event, as stream %s keeps versions (%s:%d): use first, last, min, max or list, "+
					"such as `last` with `by: %s` and the event's id in the key", f.Kind, s.Name, s.File, s.lines.at("versions"), ReceivedColumn)
				break
			}
		}
	}
}
