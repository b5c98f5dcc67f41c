// Events as they are read back from batches, each with its batch, id and place, and the list of those without a key.

package query

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/fold"
	"bursar/internal/object"
	"bursar/internal/project"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/runs"
)

// batchColumn is the column with the number of an event's batch.
const batchColumn = "_batch"

// numberedSQL selects what a view selects from a stream's batches, each event with the number of its batch.
func numberedSQL(batches []event.Batch, view func(batch []event.Batch) string) string {
	selects := make([]string, len(batches))
	for i, b := range batches {
		selects[i] = fmt.Sprintf("SELECT %d::BIGINT AS %s, * FROM (%s)", b.Batch, batchColumn, view(batches[i:i+1]))
	}
	return strings.Join(selects, "\nUNION ALL\n")
}

// eventPrinter prints events of a stream from rows of its fields.
type eventPrinter struct {
	stream *project.Stream
	fields []column.Field // the stream's columns first
	names  [][]byte       // "name": for each of these
	ids    []int
}

func newEventPrinter(s *project.Stream) *eventPrinter {
	batch := column.Field{Name: batchColumn, Type: column.Type{Kind: column.BigInt}, Required: true}
	p := &eventPrinter{stream: s, fields: append(event.Fields(s), batch)}
	for _, c := range s.Columns {
		p.names = append(p.names, append(column.QuoteJSON(c.Name), ':'))
	}
	for _, id := range s.IDColumns() {
		p.ids = append(p.ids, p.position(id))
	}
	return p
}

func (p *eventPrinter) position(name string) int {
	return slices.IndexFunc(p.fields, func(f column.Field) bool { return f.Name == name })
}

// event prints one row, and returns the number of the file that it was read from.
func (p *eventPrinter) event(rows []column.Vector, i int) (found TracedEvent, file uint64) {
	number := func(name string) int64 { return rows[p.position(name)].Ints[i] }
	id := make([]column.Vector, len(p.ids))
	for n, at := range p.ids {
		id[n] = rows[at]
	}
	found = TracedEvent{
		Stream: p.stream.Name, Batch: uint64(number(batchColumn)), Row: number(event.RowColumn),
		ID: reconcile.KeyJSON(id, i), Event: p.columns(rows, i),
	}
	file = uint64(number(event.FileColumn))
	if p.stream.Versions {
		found.Received = &event.Place{File: file, Row: found.Row}
	}
	return found, file
}

// eachEvent calls each for every event that a query of the printer's fields over views selects, with its place and time.
func (p *eventPrinter) eachEvent(ctx context.Context, e *reconcile.Engine, objects object.Files, views map[string]string, sql string,
	each func(found TracedEvent, time json.RawMessage) error,
) error {
	files, time := map[uint64]event.File{}, p.position(p.stream.Time)
	return e.Query(ctx, objects, views, sql, func(rows []column.Vector) error {
		column.Declare(rows, p.fields)
		for i := range rows[0].Len() {
			found, file := p.event(rows, i)
			if _, known := files[file]; !known {
				f, err := event.FindFile(ctx, e.Catalog, p.stream.Name, file)
				if err != nil {
					return err
				}
				files[file] = f
			}
			source := files[file]
			found.File, found.Row = source.At(found.Row)
			at := json.RawMessage("null")
			if time >= 0 {
				at = rows[time].AppendJSON(nil, i)
			}
			if err := each(found, at); err != nil {
				return err
			}
		}
		return nil
	})
}

func (p *eventPrinter) columns(rows []column.Vector, i int) json.RawMessage {
	text := []byte{'{'}
	for c, name := range p.names {
		if c > 0 {
			text = append(text, ',')
		}
		text = rows[c].AppendJSON(append(text, name...), i)
	}
	return append(text, '}')
}

// UnkeyedEvent is one event without a key, with the place where it was read.
type UnkeyedEvent struct {
	TracedEvent
	Time json.RawMessage `json:"time"` // when it happened; null if the stream declares no time
}

// CompareUnkeyed returns an UntracedError if a run counted another number of a stream's events without a key than were found.
func CompareUnkeyed(run uint64, stream string, counted, found int64) error {
	if found == counted {
		return nil
	}
	return &UntracedError{text: fmt.Sprintf("run %d counted %s of %s without a key, but its batches contain %d",
		run, reconcile.Plural(counted, "event"), stream, found)}
}

// Unkeyed calls each with every event of the published runs that has no key: by run, stream, batch, file and row. It returns their
// totals by stream. For each run the number of events found must equal its count; an error of each stops the walk.
func (e *Reader) Unkeyed(ctx context.Context, pipeline string, each func(UnkeyedEvent) error) (all runs.Unkeyed, err error) {
	err = e.read(ctx, pipeline, e.OpenWithoutIndex, func(q *Snapshot, emitted *bool) (err error) {
		all, err = e.unkeyed(ctx, q, func(found UnkeyedEvent) error {
			*emitted = true
			return each(found)
		})
		return err
	})
	return all, err
}

func (e *Reader) unkeyed(ctx context.Context, q *Snapshot, each func(UnkeyedEvent) error) (runs.Unkeyed, error) {
	if err := e.checkPublished(ctx, q); err != nil {
		return nil, err
	}
	list, err := runs.ListPublished(ctx, e.Catalog, &q.Generation, 0)
	if err != nil {
		return nil, err
	}
	all := runs.Unkeyed{}
	for i := range list {
		if err := all.Add(list[i].Unkeyed.Rescaled(q.Plan)); err != nil {
			return nil, err
		}
	}
	for i := range list {
		if err := e.listUnkeyedOfRun(ctx, q.Plan, &list[i], each); err != nil {
			return all, err
		}
	}
	return all, nil
}

func (e *Reader) listUnkeyedOfRun(ctx context.Context, plan *fold.Plan, run *runs.Run, each func(UnkeyedEvent) error) error {
	if len(run.Unkeyed) == 0 {
		return nil
	}
	batches, err := runs.ReadBatches(ctx, e.Catalog, e.Project, run)
	if err != nil {
		return err
	}
	for _, s := range plan.Events.Streams {
		own := event.FilterStream(batches, s.Name)
		counted := run.Unkeyed[s.Name].Events
		if counted == 0 {
			continue
		}
		if err := event.CheckObjects(ctx, e.Objects, own, e.Workers); err != nil {
			return err
		}
		found := int64(0)
		err := e.eachUnkeyed(ctx, plan, s, own, func(x UnkeyedEvent) error {
			found++
			x.Run = run.Run
			return each(x)
		})
		if err == nil {
			err = CompareUnkeyed(run.Run, s.Name, counted, found)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *Reader) eachUnkeyed(ctx context.Context, plan *fold.Plan, s *project.Stream, batches []event.Batch, each func(UnkeyedEvent) error) error {
	files := e.Objects.Files()
	defer files.Release()
	events := numberedSQL(batches, func(b []event.Batch) string { return event.UnkeyedSQL(files, plan.Events, s, b) })
	p := newEventPrinter(s)
	sql := fmt.Sprintf("SELECT %s FROM events ORDER BY %s, %s, %s", fold.Names(p.fields), batchColumn, event.FileColumn, event.RowColumn)
	return p.eachEvent(ctx, e.Engine, files, map[string]string{"events": events}, sql, func(found TracedEvent, time json.RawMessage) error {
		return each(UnkeyedEvent{TracedEvent: found, Time: time})
	})
}
