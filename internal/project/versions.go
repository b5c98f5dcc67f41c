// Streams that keep versions: the same id with other values is a new version of the event.

package project

import (
	"slices"

	"bursar/internal/column"
	"bursar/internal/project/doc"
)

// ReceivedColumn is the hidden column that orders the versions of an event: the number of the file in which each was received, then its
// row there. File numbers grow with receipt, and never change (rules 3 and 6).
const ReceivedColumn = "_received"

// readVersions reads `versions`, which can only be keep. It needs events with an id of their own.
func (s *Stream) readVersions(o doc.Section) bool {
	switch value := o.Text("versions"); {
	case value == "":
	case value != "keep":
		o.Fail("versions", "is %s: it can only be keep", doc.Brief(value))
	case s.DerivedID():
		o.Fail("versions", "needs events with an id of their own: with `id: %s` an event that comes again with other values has another id", s.ID[0])
	default:
		return true
	}
	return false
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
func (e *Events) checkReceived(src *doc.File, path string, before []string) {
	switch {
	case len(receivedColumns(e.Streams)) == 0:
		src.FailAt(path, "%s orders the versions of events, and %s keeps none: declare `versions: keep` there, or name a column", doc.Brief(ReceivedColumn), e.names())
	case e.Several() && !slices.Contains(before, StreamColumn):
		src.FailAt(path, "%s says where an event was received in its own stream, and cannot compare events of several: name %s before it, as in `by: [%s, %s]`",
			doc.Brief(ReceivedColumn), StreamColumn, StreamColumn, ReceivedColumn)
	}
}
