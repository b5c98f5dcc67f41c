// The control totals that a pipeline conserves: those of batches, and those of events without a key (rule 4).

package runs

import (
	"bursar/internal/column"
	"bursar/internal/decimal"
	"bursar/internal/event"
	"bursar/internal/fold"
)

// addConserved adds those totals of a batch that the pipeline conserves. If the batch lacks them the error is an *event.MissingTotalsError.
func addConserved(plan *fold.Plan, totals event.Totals, batch *event.Batch) error {
	if !batch.HasTotals(plan.Events.Stream(batch.Stream), conservedNames(plan, batch.Stream)) {
		return &event.MissingTotalsError{Batch: *batch}
	}
	return totals.Add(ConservedTotals(plan, batch))
}

// ConservedTotals returns the totals of a batch that the pipeline conserves, at the scales of its key and artifacts.
func ConservedTotals(plan *fold.Plan, b *event.Batch) event.Totals {
	return conservedIn(plan, b.TotalsNow(plan.Events.Stream(b.Stream)))
}

// conservedIn returns those totals of a stream that the pipeline conserves.
func conservedIn(plan *fold.Plan, totals event.Totals) event.Totals {
	kept := event.Totals{}
	for _, c := range plan.Conserve {
		kept[c.Total] = map[string]string{}
		for group, sum := range totals[c.Total] {
			if c.Group >= 0 && plan.Key[c.Group].Type.Kind == column.Decimal {
				group = decimal.Rescale(group, plan.Key[c.Group].Type.Scale)
			}
			kept[c.Total][group] = sum
		}
	}
	return kept
}

// conservedNames lists the totals of a stream that the pipeline conserves.
func conservedNames(plan *fold.Plan, stream string) (names []string) {
	for _, c := range plan.Conserve {
		if plan.Events.Stream(stream).Total(c.Total) != nil {
			names = append(names, c.Total)
		}
	}
	return names
}

// KeyedEvents is how many of a run's events are folded into artifacts.
func (r *Run) KeyedEvents() int64 { return r.Events - r.Unkeyed.Events() }

// FoldedTotals is what the artifacts must change by: the run's events and conserved totals without those of unkeyed events.
func (r *Run) FoldedTotals(plan *fold.Plan) (events int64, totals event.Totals, err error) {
	if len(r.Unkeyed) == 0 {
		return r.Events, r.Totals, nil
	}
	unkeyed, err := r.Unkeyed.conserved(plan)
	if err != nil {
		return 0, nil, err
	}
	totals = event.Totals{}
	if err := totals.Add(r.Totals); err != nil {
		return 0, nil, err
	}
	return r.KeyedEvents(), totals, totals.Sub(unkeyed)
}
