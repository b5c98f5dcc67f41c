// Counts of the events that gave each fold a value, by run and by generation.

package reconcile

import (
	"context"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/fold"
)

// MinEventsForWarning is the number of events from which a fold without any value is reported as probably misdeclared.
const MinEventsForWarning = 100

// FoldCounts counts the events that gave each fold a value.
type FoldCounts struct {
	Events int64            `json:"events"` // that were counted
	Values map[string]int64 `json:"values"` // by fold

	// Matched counts, for folds whose conditions name only declared values, the events that matched the condition. If it is 0
	// there may just be no such event yet.
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

// Folds lists the columns of a pipeline's artifacts, in declared order.
func (e *Engine) Folds(pipeline string) []string {
	var names []string
	if p := e.Project.Pipeline(pipeline); p != nil {
		for i := range p.Artifact {
			names = append(names, p.Artifact[i].Name)
		}
	}
	return names
}

// countFolds counts the values of folds over the events of a session.
func countFolds(ctx context.Context, session *duck.Session, plan *fold.Plan, events int64) (*FoldCounts, error) {
	sql, names, matched := plan.CountsSQL()
	if sql == "" {
		return nil, nil
	}
	given := &FoldCounts{Events: events, Values: map[string]int64{}, Matched: map[string]int64{}}
	err := session.QueryEstimated(ctx, 1, sql, func(rows []column.Vector) error {
		if err := column.CheckCount(rows, len(names)+len(matched)); err != nil {
			return err
		}
		for i, name := range names {
			given.Values[name] = rows[i].Ints[0]
		}
		for i, name := range matched {
			given.Matched[name] = rows[len(names)+i].Ints[0]
		}
		return nil
	})
	return given, err
}
