// Lists events without a key, and checks that they are as many as the runs counted (rule 4).

package reconcile

import (
	"context"
	"encoding/json"
	"fmt"

	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/fold"
	"bursar/internal/project"
)

// UnkeyedEvent is one event without a key, with the place where it was read.
type UnkeyedEvent struct {
	TracedEvent
	Time json.RawMessage `json:"time"` // when it happened; null if the stream declares no time
}

// UnkeyedError reports that the batches of a run contain another number of unkeyed events than the run counted (rule 4).
type UnkeyedError struct {
	Run            uint64
	Stream         string
	Counted, Found int64
}

func (e *UnkeyedError) Error() string {
	return fmt.Sprintf("run %d counted %s of %s without a key, but its batches contain %d", e.Run, plural(int(e.Counted), "event"), e.Stream, e.Found)
}

// Class is Data: a retry reads the same.
func (e *UnkeyedError) Class() failure.Class { return failure.Data }

// ExitCode is 4 (DESIGN §7).
func (e *UnkeyedError) ExitCode() int { return breachExit }

// Unkeyed calls each with every event of the published runs that has no key: by run, stream, batch, file and row. It returns their
// totals by stream. For each run the number of events found must equal its count; an error of each stops the walk.
func (e *Engine) Unkeyed(ctx context.Context, pipeline string, each func(UnkeyedEvent) error) (Unkeyed, error) {
	q, err := e.acquireSnapshot(ctx, pipeline)
	if err != nil {
		return nil, err
	}
	defer q.release()
	if err := e.checkPublished(ctx, q); err != nil {
		return nil, err
	}
	runs, err := e.Runs(ctx, pipeline, q.generation.Generation, 0)
	if err != nil {
		return nil, err
	}
	all := Unkeyed{}
	for i := range runs {
		if runs[i].Run > q.generation.Published {
			break
		}
		if err := all.add(runs[i].Unkeyed.rescaled(q.plan)); err != nil {
			return nil, err
		}
	}
	for i := range runs {
		if runs[i].Run > q.generation.Published {
			break
		}
		if err := e.listUnkeyedOfRun(ctx, q.plan, &runs[i], each); err != nil {
			return all, err
		}
	}
	return all, nil
}

// listUnkeyedOfRun lists the events of one run.
func (e *Engine) listUnkeyedOfRun(ctx context.Context, plan *fold.Plan, run *Run, each func(UnkeyedEvent) error) error {
	if len(run.Unkeyed) == 0 {
		return nil
	}
	batches, err := e.runBatches(ctx, run)
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
			return &UnkeyedError{run.Run, s.Name, counted, found}
		}
	}
	return nil
}

// eachUnkeyed lists the events without a key in batches of one stream.
func (e *Engine) eachUnkeyed(ctx context.Context, plan *fold.Plan, s *project.Stream, batches []event.Batch, each func(UnkeyedEvent) error) error {
	events := numberedSQL(batches, func(b []event.Batch) string { return event.UnkeyedSQL(e.Objects, plan.Events, s, b) })
	session, err := e.openViews(ctx, map[string]string{"events": events})
	if err != nil {
		return err
	}
	defer session.Close()
	p := newEventPrinter(s)
	sql := fmt.Sprintf("SELECT %s FROM events ORDER BY %s, %s, %s", fold.Names(p.fields), batchColumn, event.FileColumn, event.RowColumn)
	return p.eachEvent(ctx, e.Catalog, session, sql, func(found TracedEvent, time json.RawMessage) error {
		return each(UnkeyedEvent{TracedEvent: found, Time: time})
	})
}

// checkUnkeyed checks that the events which runs left out of artifacts are exactly those of their batches that have no key.
func (v *verification) checkUnkeyed(ctx context.Context) (string, error) {
	events, all := int64(0), int64(0)
	byStream := map[string]int64{}
	for i := range v.runs {
		run := &v.runs[i]
		if err := v.recountUnkeyed(ctx, run); err != nil {
			return "", fmt.Errorf("run %d: %w", run.Run, err)
		}
		events, all = events+run.Unkeyed.Events(), all+run.Events
		for stream, own := range run.Unkeyed {
			byStream[stream] += own.Events
		}
	}
	for _, s := range v.plan.Events.Streams {
		if byStream[s.Name] != v.generation.Unkeyed[s.Name] {
			return "", fmt.Errorf("the generation counts %d events of %s without a key, the runs count %d", v.generation.Unkeyed[s.Name], s.Name, byStream[s.Name])
		}
	}
	return fmt.Sprintf("%s without a key of %d: counted and summed as the runs account for them, the others are in artifacts", plural(int(events), "event"), all), nil
}

// recountUnkeyed counts and sums the events of one run again.
func (v *verification) recountUnkeyed(ctx context.Context, run *Run) error {
	batches, err := v.runBatches(ctx, run)
	if err != nil {
		return err
	}
	session, err := v.session()
	if err != nil {
		return err
	}
	defer session.Close()
	found, err := v.countUnkeyed(ctx, session, v.plan, batches)
	if err != nil {
		return err
	}
	for _, s := range v.plan.Events.Streams {
		want, got := run.Unkeyed[s.Name], found[s.Name]
		if want.Events != got.Events {
			return &UnkeyedError{run.Run, s.Name, want.Events, got.Events}
		}
		totals := want.Totals.Now(s)
		for i := range s.Totals {
			t := &s.Totals[i]
			if want.Definitions[t.Name] != got.Definitions[t.Name] {
				continue // its definition changed since, and no pipeline conserves it
			}
			if err := compareTotals("unkeyed events", t.Name, s.TotalType(t).Scale, totals[t.Name], got.Totals[t.Name]); err != nil {
				return err
			}
		}
	}
	return nil
}
