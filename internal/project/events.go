// The events that a pipeline folds, as one table: the columns of one stream, or the combined columns of several.

package project

import (
	"fmt"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/project/doc"
)

// StreamColumn is the column with the name of an event's stream, if `from` is a list.
const StreamColumn = "stream"

// Events is the table that a pipeline folds.
type Events struct {
	Streams []*Stream   // sorted by name
	Columns []Column    // columns of the same name are one column, of a type that represents the values of all streams exactly
	Key     []KeyColumn // in the order of the pipeline's key
	IDs     []IDColumn  // together with the stream they identify an event
}

// KeyColumn is one column of the key.
type KeyColumn struct {
	column.Field                    // the name in artifacts; the type of an expression is set by binding
	Event        string             // the column of the table
	Parts        map[string]KeyPart // by stream
}

// IDColumn is one column of the table for event ids. Streams share it if their id columns have the same position and type.
type IDColumn struct {
	Name     string
	Type     column.Type
	Optional bool              // some stream has no such column
	Columns  map[string]string // by stream: its column
}

// Several reports whether there is more than one stream.
func (e *Events) Several() bool { return len(e.Streams) > 1 }

// Column finds a column by name, or nil.
func (e *Events) Column(name string) *Column {
	return findIn(e.Columns, func(c *Column) bool { return c.Name == name })
}

// Stream finds one of the streams by name, or nil.
func (e *Events) Stream(name string) *Stream {
	return find(e.Streams, func(s *Stream) bool { return s.Name == name })
}

// Types returns the name and type of every column.
func (e *Events) Types() []column.Field {
	return typesOf(e.Columns, func(*Column) bool { return true })
}

// KeyTypes returns the name and type of each key column, as in artifacts.
func (e *Events) KeyTypes() []column.Field {
	types := make([]column.Field, len(e.Key))
	for i, k := range e.Key {
		types[i] = column.Field{Name: k.Name, Type: k.Type}
	}
	return types
}

// Totals returns the streams that declare a control total of the given name.
func (e *Events) Totals(name string) []*Stream {
	return slices.DeleteFunc(slices.Clone(e.Streams), func(s *Stream) bool { return s.Total(name) == nil })
}

// names formats the list of streams for a message.
func (e *Events) names() string {
	names := namesOf(e.Streams, streamName)
	if len(names) == 1 {
		return "stream " + names[0]
	}
	return "streams " + strings.Join(names, ", ")
}

// reference finds a column, or reports that it does not exist.
func (e *Events) reference(src *doc.File, path, name string) *Column {
	c := e.Column(name)
	isOrigin := func(s *Stream) bool {
		own := s.Column(name)
		return own != nil && own.Origin
	}
	if c == nil && slices.ContainsFunc(e.Streams, isOrigin) {
		src.FailAt(path, "column %s says where an event was read from (`origin: true`): the same event may come from elsewhere, so no pipeline can fold it", doc.Brief(name))
		return nil
	}
	if c == nil {
		src.FailAt(path, "no column %s in %s%s", doc.Brief(name), e.names(), doc.DidYouMean(name, namesOf(e.Columns, columnName)))
	}
	return c
}

// Events returns the table that a pipeline folds, or nil if one of its streams or key columns does not exist.
func (p *Project) Events(l *Pipeline) *Events {
	streams := p.streamsOf(l)
	if streams == nil {
		return nil
	}
	e := &Events{Columns: l.columns(streams), IDs: idColumns(streams), Streams: streams}
	for i := range l.Key {
		k, ok := l.keyColumn(i, streams)
		if !ok {
			return nil
		}
		e.Key = append(e.Key, k)
	}
	return e
}

// streamsOf returns a pipeline's streams by name, or nil if one does not exist.
func (p *Project) streamsOf(l *Pipeline) []*Stream {
	var streams []*Stream
	for _, name := range l.From {
		s := p.Stream(name)
		if s == nil || len(s.Columns) == 0 {
			return nil
		}
		streams = append(streams, s)
	}
	slices.SortFunc(streams, func(a, b *Stream) int { return strings.Compare(a.Name, b.Name) })
	return streams
}

// columns combines the columns of the streams; a column that a stream lacks is optional. Columns with `origin: true` are left out:
// their value depends on which of two equal events came first (rule 6).
func (p *Pipeline) columns(streams []*Stream) []Column {
	var all []Column
	if p.Listed {
		all = append(all, Column{Name: StreamColumn, Type: column.Type{Kind: column.String}})
	}
	for _, s := range streams {
		for _, c := range s.Columns {
			switch {
			case c.Origin, slices.ContainsFunc(all, func(x Column) bool { return x.Name == c.Name }):
			case len(streams) == 1:
				all = append(all, c)
			default:
				all = append(all, mergedColumn(c, streams))
			}
		}
	}
	return all
}

// mergedColumn combines the columns of one name. Incompatible types have been reported; then the first is used.
func mergedColumn(c Column, streams []*Stream) Column {
	out := Column{Name: c.Name, Line: c.Line, Type: c.Type, Optional: c.Optional}
	for _, s := range streams {
		own := s.Column(c.Name)
		if own == nil || own.Origin {
			out.Optional = true
			continue
		}
		out.Optional = out.Optional || own.Optional
		if t, ok := column.Widen(out.Type, own.Type); ok {
			out.Type = t
		}
	}
	return out
}

// idColumns returns a stream's id columns or, with several streams, hidden ones: one for each position and type, so that the events of
// a stream compare by its own ids, in their own types. Versions of one event are distinguished by their receipt.
func idColumns(streams []*Stream) []IDColumn {
	var ids []IDColumn
	for place := 0; ; place++ {
		found := false
		for _, s := range streams {
			own := s.IDColumns()
			if place >= len(own) {
				continue
			}
			found = true
			t := column.Type{Kind: column.String}
			if c := s.Column(own[place]); c != nil {
				t = c.Type
			}
			name := own[place]
			if len(streams) > 1 {
				name = fmt.Sprintf("__id_%d_%s", place, t)
			}
			at := slices.IndexFunc(ids, func(x IDColumn) bool { return x.Name == name })
			if at < 0 {
				at = len(ids)
				ids = append(ids, IDColumn{Name: name, Type: t, Columns: map[string]string{}})
			}
			ids[at].Columns[s.Name] = own[place]
		}
		if !found {
			break
		}
	}
	if of := receivedColumns(streams); len(of) > 0 {
		ids = append(ids, IDColumn{Name: ReceivedColumn, Type: column.Type{Kind: column.BigInt}, Columns: of})
	}
	for i := range ids {
		ids[i].Optional = len(ids[i].Columns) < len(streams)
	}
	return ids
}
