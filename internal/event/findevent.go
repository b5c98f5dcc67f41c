// Places where events were read, and events of a stream by their id or place.

package event

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bursar/internal/catalog"
	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event/dedupe"
	"bursar/internal/project"
)

// FindEvents returns the sealed events with an id, of one batch if batch is not 0, in the order of their batches: one, unless the id was
// accepted again. Ids are compared as they are printed, so that the spelling in SQL does not matter; a text may be given without quotes.
func (st *Store) FindEvents(ctx context.Context, s *project.Stream, id string, batch uint64) (found []Retraction, err error) {
	batches, err := Batches(ctx, st.Catalog, s.Name, 0)
	if err != nil {
		return nil, err
	}
	var compacted bytes.Buffer
	wanted := id
	if json.Compact(&compacted, []byte(id)) == nil {
		wanted = compacted.String()
	}
	for i := range batches {
		if batch != 0 && batches[i].Batch != batch {
			continue
		}
		err := st.queryEvents(ctx, s, batches[i:i+1], idFields(s), textID(s, id), func(rows []column.Vector) error {
			ids, file, row := rows[:len(rows)-2], rows[len(rows)-2], rows[len(rows)-1]
			for n := range file.Len() {
				printed := printedID(ids, n)
				if string(printed) != wanted && !plainID(printed, id) {
					continue
				}
				found = append(found, Retraction{Stream: s.Name, Batch: batches[i].Batch, Event: string(printed), File: uint64(file.Ints[n]), Row: row.Ints[n]})
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("look for event %s in batch %d of %s: %w", id, batches[i].Batch, s.Name, err)
		}
	}
	return found, nil
}

// idFields returns the columns of an event's id, then those of its place.
func idFields(s *project.Stream) (list []column.Field) {
	fields := Fields(s)
	for _, name := range append(s.IDColumns(), FileColumn, RowColumn) {
		list = append(list, fields[slices.IndexFunc(fields, func(f column.Field) bool { return f.Name == name })])
	}
	return list
}

// queryEvents reads columns of the events of batches that satisfy a condition, or of all if it is empty.
func (st *Store) queryEvents(ctx context.Context, s *project.Stream, batches []Batch, fields []column.Field, where string, each func(rows []column.Vector) error) error {
	return st.WithEvents(ctx, s, batches, func(session *duck.Session, events string) error {
		sql := fmt.Sprintf("SELECT %s FROM (%s)", selectList(fields, func(f column.Field) string { return column.QuoteIdentifier(f.Name) }), events)
		if where != "" {
			sql += " WHERE " + where
		}
		return session.Query(ctx, sql, each)
	})
}

// WithEvents calls do with a session and the view of the events of batches.
func (st *Store) WithEvents(ctx context.Context, s *project.Stream, batches []Batch, do func(session *duck.Session, events string) error) error {
	files := st.Objects.Files()
	defer files.Release()
	session, err := duck.Open(st.Duck)
	if err != nil {
		return err
	}
	defer session.Close()
	session.ExplainWith(files.Explain)
	view := ViewSQL(files, s, batches)
	if err := files.Pin(ctx); err != nil {
		return err
	}
	return do(session, view)
}

// readAt is the condition that an event was read at one of the places, which are formatted for SQL.
func readAt(places ...string) string {
	return fmt.Sprintf("(%s, %s) IN (%s)", FileColumn, RowColumn, strings.Join(places, ", "))
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

// EventPlaces returns the places of a batch's events, sorted.
func (st *Store) EventPlaces(ctx context.Context, s *project.Stream, b *Batch) (places []dedupe.Place, err error) {
	if err := CheckObjects(ctx, st.Objects, []Batch{*b}, st.Workers); err != nil {
		return nil, err
	}
	err = st.queryEvents(ctx, s, []Batch{*b}, placeFields, "", func(found []column.Vector) error {
		for n := range found[0].Len() {
			place, err := dedupe.PlaceOf(uint64(found[0].Ints[n]), uint64(found[1].Ints[n]))
			if err != nil {
				return err
			}
			places = append(places, place)
		}
		return nil
	})
	slices.Sort(places)
	return places, err
}

// Values are the columns of one event by name, as JSON.
type Values map[string]json.RawMessage

// EachAt calls each for the events of batches that were read at the places.
func (st *Store) EachAt(ctx context.Context, s *project.Stream, batches []Batch, places []string, each func(Place, Values)) error {
	if err := CheckObjects(ctx, st.Objects, batches, st.Workers); err != nil {
		return err
	}
	fields := Fields(s)
	return st.queryEvents(ctx, s, batches, fields, readAt(places...), func(rows []column.Vector) error {
		own := rows[:len(rows)-2]
		file, row := rows[len(rows)-2], rows[len(rows)-1]
		for n := range file.Len() {
			event := Values{}
			for i := range own {
				event[fields[i].Name] = own[i].AppendJSON(nil, n)
			}
			each(Place{uint64(file.Ints[n]), row.Ints[n]}, event)
		}
		return nil
	})
}

// EventAt returns the event that was read at a place, or nil. It is in its file's batch, or in a batch that retried a quarantine.
func (st *Store) EventAt(ctx context.Context, s *project.Stream, at Place) (found *Retraction, err error) {
	batches, err := st.batchesWith(ctx, s.Name, at)
	if err != nil || len(batches) == 0 {
		return nil, err
	}
	if err := CheckObjects(ctx, st.Objects, batches, st.Workers); err != nil {
		return nil, err
	}
	for i := range batches {
		err := st.queryEvents(ctx, s, batches[i:i+1], idFields(s), readAt(at.SQL()), func(rows []column.Vector) error {
			if rows[0].Len() > 0 {
				found = &Retraction{Stream: s.Name, Batch: batches[i].Batch, Event: string(printedID(rows[:len(rows)-2], 0)), File: at.File, Row: at.Row}
			}
			return nil
		})
		if err != nil || found != nil {
			return found, err
		}
	}
	return nil, nil
}

// batchesWith returns the batches that may contain the event of a place.
func (st *Store) batchesWith(ctx context.Context, stream string, at Place) ([]Batch, error) {
	return catalog.Read(ctx, st.Catalog, func(tx catalog.Tx) (batches []Batch, err error) {
		file, found, err := GetFile(tx, stream, at.File)
		if err != nil || !found {
			return nil, err
		}
		list := func(b *Batch) {
			if b.Accepted > 0 {
				batches = append(batches, *b)
			}
		}
		b, found, err := FindBatch(tx, stream, file.Batch)
		if err != nil || !found { // all of its rows were duplicates
			return nil, err
		}
		list(&b)
		_, err = EachRetry(tx, stream, file.Batch, list)
		return batches, err
	})
}

// Place is where an event or a rejected row was read. It does not change when the row is retried.
type Place struct {
	File uint64 `json:"file"` // its number within the stream
	Row  int64  `json:"row"`
}

// String formats the place as file:row.
func (p Place) String() string { return fmt.Sprintf("%d:%d", p.File, p.Row) }

// SQL formats the place for a comparison with the hidden columns.
func (p Place) SQL() string { return fmt.Sprintf("(%d, %d)", p.File, p.Row) }

// ParsePlace parses what Place.String returns.
func ParsePlace(text string) (p Place, ok bool) {
	file, row, _ := strings.Cut(text, ":")
	p.File, _ = strconv.ParseUint(file, 10, 64)
	p.Row, _ = strconv.ParseInt(row, 10, 64)
	return p, p.File > 0 && p.Row > 0 && p.String() == text
}

// PlaceOf unpacks a place of the dedupe index.
func PlaceOf(p dedupe.Place) Place { return Place{p.File(), int64(p.Row())} }
