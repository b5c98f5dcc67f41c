// Lists events without a key, and checks that they are as many as the runs counted (rule 4).

package query

import (
	"context"
	"encoding/json"
	"fmt"

	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/fold"
	"bursar/internal/project"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/runs"
)

// UnkeyedEvent is one event without a key, with the place where it was read.
type UnkeyedEvent struct {
	TracedEvent
	Time json.RawMessage `json:"time"` // when it happened; null if the stream declares no time
}

// UnkeyedError reports that the batches of a run contain another number of unkeyed events than the run counted (rule 4).
type UnkeyedError struct {
	failure.Unbalanced

	Run            uint64
	Stream         string
	Counted, Found int64
}

func (e *UnkeyedError) Error() string {
	return fmt.Sprintf("run %d counted %s of %s without a key, but its batches contain %d", e.Run, reconcile.Plural(e.Counted, "event"), e.Stream, e.Found)
}

// Unkeyed calls each with every event of the published runs that has no key: by run, stream, batch, file and row. It returns their
// totals by stream. For each run the number of events found must equal its count; an error of each stops the walk.
func (e *Reader) Unkeyed(ctx context.Context, pipeline string, each func(UnkeyedEvent) error) (runs.Unkeyed, error) {
	q, err := e.OpenWithoutIndex(ctx, pipeline)
	if err != nil {
		return nil, err
	}
	defer q.Release()
	if err := e.checkPublished(ctx, q); err != nil {
		return nil, err
	}
	list, err := runs.List(ctx, e.Catalog, pipeline, q.Generation.Generation, 0)
	if err != nil {
		return nil, err
	}
	all := runs.Unkeyed{}
	for i := range list {
		if list[i].Run > q.Generation.Published {
			break
		}
		if err := all.Add(list[i].Unkeyed.Rescaled(q.Plan)); err != nil {
			return nil, err
		}
	}
	for i := range list {
		if list[i].Run > q.Generation.Published {
			break
		}
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
		if err != nil {
			return err
		}
		if found != counted {
			return &UnkeyedError{Run: run.Run, Stream: s.Name, Counted: counted, Found: found}
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
