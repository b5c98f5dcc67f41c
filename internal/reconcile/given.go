// How many events gave each fold a value, by run and by generation.

package reconcile

import (
	"context"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/fold"
)

// ManyEvents is how many events let a fold that none of them gives a value seem to be declared wrong.
const ManyEvents = 100

// Given counts the events that gave each fold a value.
type Given struct {
	Events int64            `json:"events"` // that were looked at
	Values map[string]int64 `json:"values"` // by fold

	// Met is, of folds whose conditions name only declared values, how many events met these: none may only mean that there was no such
	// event yet.
	Met map[string]int64 `json:"met,omitempty"`
}

// Add adds what other events gave. Runs that an earlier program reduced have no counts.
func (g *Given) Add(other *Given) {
	if other == nil {
		return
	}
	g.Events += other.Events
	g.Values, g.Met = added(g.Values, other.Values), added(g.Met, other.Met)
}

// added adds counts by name to others, which may be nil.
func added(counts, more map[string]int64) map[string]int64 {
	if counts == nil {
		counts = map[string]int64{}
	}
	for name, n := range more {
		counts[name] += n
	}
	return counts
}

// Without are those of the folds to which none of many events gave a value, though events like those they are for may have come.
func (g *Given) Without(folds []string) []string {
	if g == nil || g.Events < ManyEvents {
		return nil
	}
	var without []string
	for _, name := range folds {
		met, declared := g.Met[name]
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

// countGiven counts over the events of a session.
func countGiven(ctx context.Context, session *duck.Session, plan *fold.Plan, events int64) (*Given, error) {
	sql, names, met := plan.Given()
	if sql == "" {
		return nil, nil
	}
	given := &Given{Events: events, Values: map[string]int64{}, Met: map[string]int64{}}
	err := session.QueryAbout(ctx, 1, sql, func(rows []column.Vector) error {
		if err := column.CheckCount(rows, len(names)+len(met)); err != nil {
			return err
		}
		for i, name := range names {
			given.Values[name] = rows[i].Ints[0]
		}
		for i, name := range met {
			given.Met[name] = rows[len(names)+i].Ints[0]
		}
		return nil
	})
	return given, err
}
