// Whether a generation was made with the present definitions, and from the events that are valid now.

package runs

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/fold"
)

// CheckCurrent returns a ChangedError if a generation was made with other definitions, or from other events, than now.
func CheckCurrent(tx catalog.Tx, plan *fold.Plan, g *Generation) error {
	if err := CheckFingerprint(plan, g.Fingerprint); err != nil {
		return err
	}
	return CheckRetracted(tx, plan, g)
}

// CheckFingerprint returns a ChangedError if the pipeline is not the one that the generation was built with.
func CheckFingerprint(plan *fold.Plan, built map[string]string) error {
	now := plan.Fingerprint()
	var changed []string
	for what, digest := range now {
		was, printed := built[what]
		if was != digest && (printed || what != fold.ConserveFingerprint) {
			changed = append(changed, what)
		}
	}
	for what := range built {
		if now[what] == "" {
			changed = append(changed, what)
		}
	}
	if len(changed) == 0 || maps.Equal(now, built) {
		return nil
	}
	slices.Sort(changed)
	return &ChangedError{plan.Pipeline.Name, changed}
}

// ChangedError reports that the definition of a pipeline changed since its artifacts were made, or that events of them were
// retracted since. Class Data.
type ChangedError struct {
	Pipeline string
	Changed  []string // names of definitions, or descriptions of retractions
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("pipeline %s has changed (%s) since its artifacts were made: run `bursar rebuild %s`",
		e.Pipeline, strings.Join(e.Changed, ", "), e.Pipeline)
}

// Class is Data: it stays so until the pipeline is rebuilt or its definition is restored.
func (e *ChangedError) Class() failure.Class { return failure.Data }

// CheckStreams rejects a pipeline over a stream whose events were ingested with another definition: they cannot be read with
// the current one, or would give other results.
func CheckStreams(tx catalog.Tx, plan *fold.Plan) error {
	for _, s := range plan.Events.Streams {
		if err := event.CheckGrowthIn(tx, s); err != nil {
			return err
		}
	}
	return nil
}

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
