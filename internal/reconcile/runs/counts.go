// What runs count of their events: those without a key, the control totals that are conserved (rule 4), and values of folds.

package runs

import (
	"maps"

	"bursar/internal/column"
	"bursar/internal/decimal"
	"bursar/internal/event"
	"bursar/internal/fold"
)

// Unkeyed counts and sums events without a key, by stream. Streams without such events are left out.
type Unkeyed map[string]UnkeyedTotals

// UnkeyedTotals counts and sums the events of one stream that have no key.
type UnkeyedTotals struct {
	Events      int64             `json:"events"`
	Totals      event.Totals      `json:"totals"`                // by control total of the stream
	Definitions map[string]string `json:"definitions,omitempty"` // of each total, when it was summed
}

// Events counts the events of all streams.
func (u Unkeyed) Events() (n int64) {
	for _, own := range u {
		n += own.Events
	}
	return n
}

// Add adds the counts and sums of other events. Totals with two definitions are dropped: their sum would be neither.
func (u *Unkeyed) Add(other Unkeyed) error {
	for stream, more := range other {
		own, known := (*u)[stream]
		if !known {
			own = UnkeyedTotals{Totals: event.Totals{}, Definitions: maps.Clone(more.Definitions)}
		}
		own.Events += more.Events
		if err := own.Totals.Add(more.Totals); err != nil {
			return err
		}
		for name := range own.Totals {
			if own.Definitions[name] != more.Definitions[name] {
				delete(own.Totals, name)
				delete(own.Definitions, name)
			}
		}
		if *u == nil {
			*u = Unkeyed{}
		}
		(*u)[stream] = own
	}
	return nil
}

// Rescaled returns the totals at the scales that the streams' types have now.
func (u Unkeyed) Rescaled(plan *fold.Plan) Unkeyed {
	out := Unkeyed{}
	for stream, own := range u {
		own.Totals = own.Totals.Now(plan.Events.Stream(stream))
		out[stream] = own
	}
	return out
}

// conserved returns the totals that the pipeline conserves, of all streams together.
func (u Unkeyed) conserved(plan *fold.Plan) (event.Totals, error) {
	all := event.Totals{}
	for _, own := range u.Rescaled(plan) {
		if err := all.Add(conservedIn(plan, own.Totals)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// addConserved adds those totals of a batch that the pipeline conserves. If the batch lacks them the error is an *event.MissingTotalsError.
func addConserved(plan *fold.Plan, totals event.Totals, batch *event.Batch) error {
	if !batch.HasTotals(plan.Events.Stream(batch.Stream), conservedNames(plan, batch.Stream)) {
		return &event.MissingTotalsError{Batch: *batch}
	}
	return totals.Add(ConservedTotals(plan, batch))
}

// ConservedTotals returns the totals of a batch that the pipeline conserves, at the scales of its key and artifacts.
func ConservedTotals(plan *fold.Plan, b *event.Batch) event.Totals {
	return conservedIn(plan, b.Totals.Now(plan.Events.Stream(b.Stream)))
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

// MinEventsForWarning is the number of events from which a fold without any value is reported as probably misdeclared.
const MinEventsForWarning = 100

// FoldCounts counts the events that gave each fold a value.
type FoldCounts struct {
	Events int64            `json:"events"` // that were counted
	Values map[string]int64 `json:"values"` // by fold

	// Matched counts, for folds whose conditions name only declared values, the events that matched the condition, and for folds
	// of columns that some streams do not have, those of the other streams. If it is 0 there may just be no such event yet.
	Matched map[string]int64 `json:"met,omitempty"`
}

// Add adds the counts of other events. Runs of older versions have no counts.
func (g *FoldCounts) Add(other *FoldCounts) {
	if other == nil {
		return
	}
	g.Events += other.Events
	g.Values, g.Matched = addCounts(g.Values, other.Values), addCounts(g.Matched, other.Matched)
}

// addCounts adds counts by name to others, which may be nil.
func addCounts(counts, more map[string]int64) map[string]int64 {
	if counts == nil {
		counts = map[string]int64{}
	}
	for name, n := range more {
		counts[name] += n
	}
	return counts
}

// WithoutValues returns those folds that got no value from many events, although events matched their conditions.
func (g *FoldCounts) WithoutValues(folds []string) []string {
	if g == nil || g.Events < MinEventsForWarning {
		return nil
	}
	var without []string
	for _, name := range folds {
		met, declared := g.Matched[name]
		if n, counted := g.Values[name]; counted && n == 0 && (!declared || met > 0) {
			without = append(without, name)
		}
	}
	return without
}
