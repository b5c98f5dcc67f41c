// The check of `bursar verify` on events without a key.

package verify

import (
	"context"
	"fmt"

	"bursar/internal/reconcile"
	"bursar/internal/reconcile/query"
	"bursar/internal/reconcile/runs"
	"bursar/internal/reconcile/step"
)

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
	return fmt.Sprintf("%s without a key of %d: counted and summed as the runs account for them, the others are in artifacts", reconcile.Plural(events, "event"), all), nil
}

func (v *verification) recountUnkeyed(ctx context.Context, run *runs.Run) error {
	batches, err := runs.ReadBatches(ctx, v.Catalog, v.Project, run)
	if err != nil {
		return err
	}
	session, err := v.Session()
	if err != nil {
		return err
	}
	defer session.Close()
	found, err := step.CountUnkeyed(ctx, v.Objects, session, v.plan, batches)
	if err != nil {
		return err
	}
	for _, s := range v.plan.Events.Streams {
		want, got := run.Unkeyed[s.Name], found[s.Name]
		if err := query.CompareUnkeyed(run.Run, s.Name, want.Events, got.Events); err != nil {
			return err
		}
		totals := want.Totals.Now(s)
		for i := range s.Totals {
			t := &s.Totals[i]
			if want.Definitions[t.Name] != got.Definitions[t.Name] {
				continue // its definition changed since, and no pipeline conserves it
			}
			if err := step.CompareTotals("unkeyed events", t.Name, s.TotalType(t).Scale, totals[t.Name], got.Totals[t.Name]); err != nil {
				return err
			}
		}
	}
	return nil
}
