// Keys that are too long. Intake checks the length of key columns, reduce that of key expressions.

package step

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/event/scan"
	"bursar/internal/failure"
	"bursar/internal/fold"
	"bursar/internal/project"
)

// errLongKey reports that a value of a key is longer than allowed.
var errLongKey = failure.Wrap(failure.Data, errors.New("a key is too long"))

// LongKeyError names the event whose key is longer than allowed. Its text contains the place of the event but not the key, because
// it is written to the histories of workflows (rule 7).
type LongKeyError struct {
	Pipeline, Declared, Column string
	Event                      string // its place
	Bytes                      int64
}

func (e *LongKeyError) Error() string {
	return fmt.Sprintf("key column %q of the event in %s is %d bytes long: the limit is 4 KiB; nothing of this run is visible: have the key in %s "+
		"cut it off, as left(…) does, or digest it, as md5(…) does, and run `bursar rebuild %s`", e.Column, e.Event, e.Bytes, e.Declared, e.Pipeline)
}

// Class is Data: the same events have the same keys.
func (e *LongKeyError) Class() failure.Class { return failure.Data }

// boundedByReduce reports whether intake may have accepted longer values of a key column: those of an expression, or events that
// were ingested before a pipeline had the column in its key.
func boundedByReduce(k *project.KeyColumn) bool {
	for _, part := range k.Parts {
		if part.Optional && k.Type.Kind == column.String {
			return true
		}
	}
	return false
}

// checkKeys returns an error for a key that is too long.
func checkKeys(plan *fold.Plan, rows []column.Vector) error {
	for c := range plan.Events.Key {
		if !boundedByReduce(&plan.Events.Key[c]) {
			continue
		}
		for i := range rows[c].Len() {
			if len(rows[c].Text(i)) > scan.MaxKey {
				return errLongKey
			}
		}
	}
	return nil
}

// longKey finds the first event with a key that is too long, in the order of streams, files and rows.
func (s *eventSearch) longKey(ctx context.Context) error {
	session, err := s.e.OpenViews(ctx, s.files, s.views(nil, s.batches, "true"))
	if err != nil {
		return err
	}
	defer session.Close()
	for i := range s.plan.Events.Key {
		k := &s.plan.Events.Key[i]
		if !boundedByReduce(k) {
			continue
		}
		found := &LongKeyError{Pipeline: s.plan.Pipeline.Name, Declared: s.plan.Pipeline.File, Column: k.Name}
		stream, at, err := s.firstLongKey(ctx, session, k, found)
		if err == nil && stream == "" {
			continue
		}
		if err == nil {
			found.Event, err = s.e.eventPlace(ctx, s.plan.Events.Stream(stream), s.batches, at.File, at.Row)
		}
		if err != nil {
			return err
		}
		return found
	}
	return s.cause
}

// firstLongKey returns stream and place of the first event with a too long value of a key column; an empty stream if there is none.
func (s *eventSearch) firstLongKey(ctx context.Context, session *duck.Session, k *project.KeyColumn, found *LongKeyError) (stream string, at event.Place, err error) {
	name := column.QuoteIdentifier(k.Event)
	stream2 := duck.Literal(s.plan.Events.Streams[0].Name)
	if s.plan.Events.Several() {
		stream2 = project.StreamColumn
	}
	sql := fmt.Sprintf("SELECT %s, %s, %s, strlen(%s) FROM events WHERE strlen(%s) > %d ORDER BY ALL LIMIT 1",
		stream2, event.FileColumn, event.RowColumn, name, name, scan.MaxKey)
	err = session.Query(ctx, sql, func(rows []column.Vector) error {
		stream, at, found.Bytes = string(rows[0].Text(0)), event.Place{File: uint64(rows[1].Ints[0]), Row: rows[2].Ints[0]}, rows[3].Ints[0]
		return nil
	})
	return stream, at, err
}
