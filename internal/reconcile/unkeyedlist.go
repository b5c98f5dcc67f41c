// Listing events without a key, and proving that they are as many as the runs accounted for (rule 4).

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

// UnkeyedEvent is one event that has no key, and where it was read.
type UnkeyedEvent struct {
	TracedEvent
	Time json.RawMessage `json:"time"` // when it happened; null where the stream declares no time
}

// UnkeyedError is that the batches of a run hold another number of events without a key than the run accounted for (rule 4).
type UnkeyedError struct {
	Run          uint64
	Stream       string
	Counted, Has int64
}

func (e *UnkeyedError) Error() string {
	return fmt.Sprintf("run %d counted %s of %s without a key, and its batches hold %d", e.Run, many(int(e.Counted), "event"), e.Stream, e.Has)
}

// Class is Data: what is stored does not change by asking again.
func (e *UnkeyedError) Class() failure.Class { return failure.Data }

// ExitCode is 4 (DESIGN §7).
func (e *UnkeyedError) ExitCode() int { return breachExit }

// Unkeyed hands each event of the published runs that has no key to each: by run, stream, batch, file and row. It returns what they
// come to by stream. Each run must find as many as it accounted for; an error of each ends the walk and is returned.
func (e *Engine) Unkeyed(ctx context.Context, pipeline string, each func(UnkeyedEvent) error) (Unkeyed, error) {
	q, err := e.entering(ctx, pipeline)
	if err != nil {
		return nil, err
	}
	defer q.done()
	if err := e.checkPublished(ctx, q); err != nil {
		return nil, err
	}
	runs, err := e.Runs(ctx, pipeline, q.g.Generation, 0)
	if err != nil {
		return nil, err
	}
	all := Unkeyed{}
	for i := range runs {
		if runs[i].Run > q.g.Published {
			break
		}
		if err := all.add(runs[i].Unkeyed.now(q.plan)); err != nil {
			return nil, err
		}
	}
	for i := range runs {
		if runs[i].Run > q.g.Published {
			break
		}
		if err := e.unkeyedOfRun(ctx, q.plan, &runs[i], each); err != nil {
			return all, err
		}
	}
	return all, nil
}

// unkeyedOfRun hands the events of one run on.
func (e *Engine) unkeyedOfRun(ctx context.Context, plan *fold.Plan, run *Run, each func(UnkeyedEvent) error) error {
	if len(run.Unkeyed) == 0 {
		return nil
	}
	batches, err := e.batchesOf(ctx, run)
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

// eachUnkeyed walks over the events without a key in batches of one stream.
func (e *Engine) eachUnkeyed(ctx context.Context, plan *fold.Plan, s *project.Stream, batches []event.Batch, each func(UnkeyedEvent) error) error {
	events := numberedSQL(batches, func(b []event.Batch) string { return event.UnkeyedSQL(e.Objects, plan.Events, s, b) })
	session, err := e.views(ctx, map[string]string{"events": events})
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

// checkUnkeyed proves that the events which runs left out of artifacts are those of their batches that have no key: with those
// that the artifacts hold they are all there are.
func (v *verification) checkUnkeyed(ctx context.Context) (string, error) {
	events, all := int64(0), int64(0)
	of := map[string]int64{}
	for i := range v.runs {
		run := &v.runs[i]
		if err := v.checkUnkeyedOf(ctx, run); err != nil {
			return "", fmt.Errorf("run %d: %w", run.Run, err)
		}
		events, all = events+run.Unkeyed.Events(), all+run.Events
		for stream, own := range run.Unkeyed {
			of[stream] += own.Events
		}
	}
	for _, s := range v.plan.Events.Streams {
		if of[s.Name] != v.g.Unkeyed[s.Name] {
			return "", fmt.Errorf("%d events of %s without a key are counted, and the runs have %d", v.g.Unkeyed[s.Name], s.Name, of[s.Name])
		}
	}
	return fmt.Sprintf("%s without a key of %d: counted and summed as the runs account for them, the others are in artifacts", many(int(events), "event"), all), nil
}

// checkUnkeyedOf counts and sums the events of one run again.
func (v *verification) checkUnkeyedOf(ctx context.Context, run *Run) error {
	batches, err := v.batchesOf(ctx, run)
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
		was := want.Totals.Now(s)
		for i := range s.Totals {
			t := &s.Totals[i]
			if want.Definitions[t.Name] != got.Definitions[t.Name] {
				continue // it is declared otherwise since, and no pipeline conserves it
			}
			if err := compareTotals("unkeyed events", t.Name, s.TotalType(t).Scale, was[t.Name], got.Totals[t.Name]); err != nil {
				return err
			}
		}
	}
	return nil
}
