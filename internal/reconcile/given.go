// How many events gave each fold a value, by run and by generation.

package reconcile

import (
	"context"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/fold"
)

// MinEventsForWarning is how many events let a fold that none of them gives a value seem to be declared wrong.
const MinEventsForWarning = 100

// FoldCounts counts the events that gave each fold a value.
type FoldCounts struct {
	Events int64            `json:"events"` // that were looked at
	Values map[string]int64 `json:"values"` // by fold

	// Met is, of folds whose conditions name only declared values, how many events met these: none may only mean that there was no such
	// event yet.
	Matched map[string]int64 `json:"met,omitempty"`
}

// Add adds what other events gave. Runs that an earlier program reduced have no counts.
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

// WithoutValues are those of the folds to which none of many events gave a value, though events like those they are for may have come.
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

// Folds are the names of a pipeline's columns in their order.
func (e *Engine) Folds(pipeline string) []string {
	var names []string
	if p := e.Project.Pipeline(pipeline); p != nil {
		for i := range p.Artifact {
			names = append(names, p.Artifact[i].Name)
		}
	}
	return names
}

// countFolds counts over the events of a session.
func countFolds(ctx context.Context, session *duck.Session, plan *fold.Plan, events int64) (*FoldCounts, error) {
	sql, names, matched := plan.Given()
	if sql == "" {
		return nil, nil
	}
	given := &FoldCounts{Events: events, Values: map[string]int64{}, Matched: map[string]int64{}}
	err := session.QueryAbout(ctx, 1, sql, func(rows []column.Vector) error {
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
