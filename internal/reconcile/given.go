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
}

// Add adds what other events gave. Runs that an earlier program reduced have no counts.
func (g *Given) Add(other *Given) {
	if other == nil {
		return
	}
	if g.Values == nil {
		g.Values = map[string]int64{}
	}
	g.Events += other.Events
	for name, n := range other.Values {
		g.Values[name] += n
	}
}

// Without are those of the folds to which none of many events gave a value.
func (g *Given) Without(folds []string) []string {
	if g == nil || g.Events < ManyEvents {
		return nil
	}
	var without []string
	for _, name := range folds {
		if n, counted := g.Values[name]; counted && n == 0 {
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
	sql, names := plan.Given()
	if sql == "" {
		return nil, nil
	}
	given := &Given{Events: events, Values: map[string]int64{}}
	err := session.QueryAbout(ctx, 1, sql, func(rows []column.Vector) error {
		if err := column.CheckCount(rows, len(names)); err != nil {
			return err
		}
		for i, name := range names {
			given.Values[name] = rows[i].Ints[0]
		}
		return nil
	})
	return given, err
}
