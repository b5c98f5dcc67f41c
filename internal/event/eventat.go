// Finds the event that was read at a place, and compares it with another.

package event

import (
	"context"
	"fmt"

	"bursar/internal/catalog"
	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/object"
	"bursar/internal/project"
)

// compareAccepted sets what the accepted row changes, compared with the event it replaces or, if that no longer counted, with conflict.
func compareAccepted(ctx context.Context, st *Store, s *project.Stream, out *AcceptedRow, row Place, conflict *Place) error {
	if out.Replaced != nil {
		conflict = &Place{out.Replaced.File, out.Replaced.Row}
	}
	events := map[Place]values{}
	for _, at := range []*Place{&row, conflict} {
		if at == nil {
			continue
		}
		found, err := st.eventAt(ctx, s, *at)
		if err != nil {
			return err
		}
		if found == nil {
			continue
		}
		if at == &row {
			out.Event = found.Event
		}
		b, err := st.batchOf(ctx, found)
		if err == nil {
			err = st.eachAt(ctx, s, []Batch{b}, []string{at.sql()}, func(p Place, event values) { events[p] = event })
		}
		if err != nil {
			return err
		}
	}
	if conflict != nil && events[*conflict] != nil {
		out.Changes = append(out.Changes, differences(s, events[*conflict], events[row])...)
	}
	return nil
}

// eventAt returns the event that was read at a place, or nil. It is in its file's batch, or in a batch that retried a quarantine.
func (st *Store) eventAt(ctx context.Context, s *project.Stream, at Place) (found *Retraction, err error) {
	files, local := st.Objects.(object.Local)
	if !local {
		return nil, errNotLocal
	}
	batches, err := st.batchesWith(ctx, s.Name, at)
	if err != nil || len(batches) == 0 {
		return nil, err
	}
	if err := CheckObjects(ctx, st.Objects, batches, st.Workers); err != nil {
		return nil, err
	}
	session, err := duck.Open(st.Duck)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	fields := Fields(s)
	for i := range batches {
		sql := fmt.Sprintf("SELECT %s FROM (%s) WHERE (%s, %s) IN (%s)",
			names(idFields(s, fields)), ViewSQL(files, s, batches[i:i+1]), FileColumn, RowColumn, at.sql())
		err := session.Query(ctx, sql, func(rows []column.Vector) error {
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
func (st *Store) batchesWith(ctx context.Context, stream string, at Place) (batches []Batch, err error) {
	err = st.Catalog.View(ctx, func(tx catalog.Tx) error {
		batches = nil
		var file File
		found, err := tx.Get(fileNumberKey(stream, at.File), &file)
		if err != nil || !found {
			return err
		}
		list := func(b *Batch) {
			if b.Accepted > 0 {
				batches = append(batches, *b)
			}
		}
		var b Batch
		if found, err = tx.Get(batchKey(stream, file.Batch), &b); err != nil || !found { // all of its rows were duplicates
			return err
		}
		list(&b)
		_, err = eachRetry(tx, stream, file.Batch, list)
		return err
	})
	return batches, err
}
