// Retractions and generations: a run folds its batches without what was retracted when it was planned, and a generation that
// folded what was retracted later has to be rebuilt.

package reconcile

import (
	"context"
	"errors"
	"math"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/fold"
)

// lastRetractions returns the last retraction of each of a pipeline's streams that has one.
func lastRetractions(tx catalog.Tx, plan *fold.Plan) (StreamNumbers, error) {
	last := StreamNumbers{}
	for _, s := range plan.Events.Streams {
		n, err := event.LastRetraction(tx, s.Name)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			last[refName(plan, s.Name)] = n
		}
	}
	return last, nil
}

// excludeRetracted makes the generation fold its next batches without what is retracted or given up now.
func (g *Generation) excludeRetracted(tx catalog.Tx, plan *fold.Plan) (err error) {
	if g.LastRetraction, err = lastRetractions(tx, plan); err != nil {
		return err
	}
	g.GivenUp = nil
	for _, s := range plan.Events.Streams {
		names, err := event.GivenUpSince(tx, s.Name, nil, math.MaxUint64)
		if err != nil {
			return err
		}
		g.GivenUp = append(g.GivenUp, names...)
	}
	return nil
}

// refName is the name of a stream in BatchRef and StreamNumbers.
func refName(plan *fold.Plan, stream string) string {
	if plan.Events.Several() {
		return stream
	}
	return ""
}

// checkRetracted returns a ChangedError if events in the generation's runs were retracted or given up since, or restored.
func checkRetracted(tx catalog.Tx, plan *fold.Plan, g *Generation) error {
	last, err := lastRetractions(tx, plan)
	if err != nil {
		return err
	}
	var all []string
	for _, s := range plan.Events.Streams {
		name := refName(plan, s.Name)
		givenUp, err := event.GivenUpSince(tx, s.Name, g.GivenUp, g.LastBatch[name])
		if err != nil {
			return err
		}
		for _, what := range givenUp {
			all = append(all, what+" was given up")
		}
		if last[name] == g.LastRetraction[name] {
			continue
		}
		changed, err := event.RetractedSince(tx, s.Name, g.LastRetraction[name], g.LastBatch[name])
		if err != nil {
			return err
		}
		all = append(all, changed...)
	}
	if len(all) > 0 {
		return &ChangedError{plan.Pipeline.Name, all}
	}
	return nil
}

// Retracted reports whether something was retracted, given up or restored since the artifacts that readers see were made.
func (e *Engine) Retracted(ctx context.Context, pipeline string) (bool, error) {
	g, err := e.Current(ctx, pipeline)
	if err != nil || g.Generation == 0 {
		return false, err
	}
	plan, err := e.Plan(ctx, pipeline)
	if err != nil {
		return false, err
	}
	err = e.Catalog.View(ctx, func(tx catalog.Tx) error { return checkRetracted(tx, plan, &g) })
	if errors.As(err, new(*ChangedError)) {
		return true, nil
	}
	return false, err
}

// checkCurrent returns a ChangedError if a generation was made with other definitions, or from other events, than now.
func checkCurrent(tx catalog.Tx, plan *fold.Plan, g *Generation) error {
	if err := checkFingerprint(plan, g.Fingerprint); err != nil {
		return err
	}
	return checkRetracted(tx, plan, g)
}

// checkCurrent is the function checkCurrent in a transaction of its own.
func (e *Engine) checkCurrent(ctx context.Context, plan *fold.Plan, g *Generation) error {
	return e.Catalog.View(ctx, func(tx catalog.Tx) error { return checkCurrent(tx, plan, g) })
}
