// Retractions and generations: a run folds its batches without what was retracted when it was planned, and a generation that
// folded what was retracted later has to be rebuilt.

package runs

import (
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

// CheckRetracted returns a ChangedError if events in the generation's runs were retracted or given up since, or restored.
func CheckRetracted(tx catalog.Tx, plan *fold.Plan, g *Generation) error {
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
