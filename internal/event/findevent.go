// Finds an event of a stream by its id.

package event

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/object"
	"bursar/internal/project"
)

// findEvents returns the sealed events with an id, in the order of their batches: one, unless the id was accepted again. Ids are compared as they are
// printed, so that the spelling in SQL does not matter; a text may be given without quotes.
func (st *Store) findEvents(ctx context.Context, session *duck.Session, s *project.Stream, o RetractOptions) (found []Retraction, err error) {
	files, local := st.Objects.(object.Local)
	if !local {
		return nil, errNotLocal
	}
	batches, err := Batches(ctx, st.Catalog, s.Name, 0)
	if err != nil {
		return nil, err
	}
	var compacted bytes.Buffer
	wanted := o.Event
	if json.Compact(&compacted, []byte(o.Event)) == nil {
		wanted = compacted.String()
	}
	fields := Fields(s)
	for i := range batches {
		if o.Batch != 0 && batches[i].Batch != o.Batch {
			continue
		}
		sql := "SELECT " + names(idFields(s, fields)) + " FROM (" + ViewSQL(files, s, batches[i:i+1]) + ")"
		if text := textID(s, o.Event); text != "" {
			sql += " WHERE " + text
		}
		err := session.Query(ctx, sql, func(rows []column.Vector) error {
			ids, file, row := rows[:len(rows)-2], rows[len(rows)-2], rows[len(rows)-1]
			for n := range file.Len() {
				id := printedID(ids, n)
				if string(id) != wanted && !plainID(id, o.Event) {
					continue
				}
				found = append(found, Retraction{Stream: s.Name, Batch: batches[i].Batch, Event: string(id), File: uint64(file.Ints[n]), Row: row.Ints[n]})
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("look for event %s in batch %d of %s: %w", o.Event, batches[i].Batch, s.Name, err)
		}
	}
	return found, nil
}

// idFields returns the columns of an event's id, then those of its place.
func idFields(s *project.Stream, fields []column.Field) (list []column.Field) {
	for _, name := range append(s.IDColumns(), FileColumn, RowColumn) {
		list = append(list, fields[slices.IndexFunc(fields, func(f column.Field) bool { return f.Name == name })])
	}
	return list
}

func names(fields []column.Field) string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = column.QuoteIdentifier(f.Name)
	}
	return strings.Join(list, ", ")
}

// textID returns a condition by which DuckDB skips most events if the id is one text column; empty for other ids.
func textID(s *project.Stream, event string) string {
	ids := s.IDColumns()
	if c := s.Column(ids[0]); len(ids) > 1 || c != nil && c.Type.Kind != column.String {
		return ""
	}
	var quoted string
	if json.Unmarshal([]byte(event), &quoted) != nil {
		quoted = event
	}
	return fmt.Sprintf("%s IN (%s, %s)", column.QuoteIdentifier(ids[0]), duck.Literal(event), duck.Literal(quoted))
}

// printedID returns an id as JSON; an id of several columns is an array.
func printedID(ids []column.Vector, i int) []byte {
	if len(ids) == 1 {
		return ids[0].AppendJSON(nil, i)
	}
	text := []byte{'['}
	for n := range ids {
		if n > 0 {
			text = append(text, ',')
		}
		text = ids[n].AppendJSON(text, i)
	}
	return append(text, ']')
}

// plainID reports whether a text is the id without its quotes.
func plainID(id []byte, text string) bool {
	var plain string
	return json.Unmarshal(id, &plain) == nil && plain == text
}
