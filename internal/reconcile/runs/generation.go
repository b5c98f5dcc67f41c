// A generation of a pipeline: its document, its watermark, how the first one begins, and whether it was made with the present definitions
// and from the events that are valid now.

package runs

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/fold"
)

// Generation is one complete state of a pipeline, stored as a catalog document.
type Generation struct {
	Pipeline       string            `json:"pipeline"`
	Generation     uint64            `json:"generation"`
	Fingerprint    map[string]string `json:"fingerprint"`         // of each definition that its records depend on
	LastBatch      StreamNumbers     `json:"taken"`               // by stream: the last batch that is in a run
	BuildUntil     StreamNumbers     `json:"until,omitempty"`     // by stream, during a rebuild: the last batch to fold
	LastRetraction StreamNumbers     `json:"retracted,omitempty"` // by stream: the last retraction that was applied
	GivenUp        []string          `json:"given_up,omitempty"`  // lost batches and retractions that were excluded
	Runs           uint64            `json:"runs"`                // number of the last planned run
	Published      uint64            `json:"published"`           // number of the last run that readers see
	Artifacts      int64             `json:"artifacts"`
	Events         *int64            `json:"events,omitempty"`  // folded by all published runs, and so in all artifacts (rule 4)
	FoldCounts     *FoldCounts       `json:"given,omitempty"`   // of those published runs that were counted
	Unkeyed        map[string]int64  `json:"unkeyed,omitempty"` // by stream: events without a key in published runs; they are in no artifact
	Watermark      *time.Time        `json:"watermark"`         // everything received before it is included; nil until every stream has a batch

	// Included is the time when the last included batch was sealed, by stream as named in BatchRef.
	Included map[string]time.Time `json:"included,omitempty"`
}

// Include moves the watermark over batches. With several streams the watermark is that of the stream furthest behind: events
// of that stream received later are not included yet, although other streams may be ahead.
func (g *Generation) Include(refs []BatchRef, batches []event.Batch, streams int) {
	if g.Included == nil {
		g.Included = map[string]time.Time{}
	}
	for i, ref := range refs {
		if sealed := batches[i].Sealed; sealed.After(g.Included[ref.Stream]) {
			g.Included[ref.Stream] = sealed
		}
	}
	if len(g.Included) < streams {
		return
	}
	furthest := slices.MinFunc(slices.Collect(maps.Values(g.Included)), time.Time.Compare)
	g.Watermark = &furthest
}

// Space names the generation in the index and in the object store.
func (g *Generation) Space() artifact.Space {
	return artifact.Space{Pipeline: g.Pipeline, Generation: g.Generation}
}

// RunRef names a run of the generation.
func (g *Generation) RunRef(number uint64) Ref { return Ref{g.Pipeline, g.Generation, number} }

// openGeneration reads the current generation, or creates the first.
func openGeneration(tx catalog.Tx, plan *fold.Plan) (*Generation, error) {
	name := plan.Pipeline.Name
	state, known, err := getState(tx, name)
	if err != nil {
		return nil, err
	}
	if !known {
		state.Generation = 1
		g := &Generation{Pipeline: name, Generation: 1, Fingerprint: plan.Fingerprint()}
		if err := PutState(tx, name, state); err != nil {
			return nil, err
		}
		if err := g.excludeRetracted(tx, plan); err != nil {
			return nil, err
		}
		return g, PutGeneration(tx, g)
	}
	g, found, err := GetGeneration(tx, name, state.Generation)
	if err == nil && !found {
		err = state.Missing(name)
	}
	if err != nil {
		return nil, err
	}
	if err := CheckCurrent(tx, plan, &g); err != nil {
		return nil, err
	}
	return &g, g.excludeRetracted(tx, plan)
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
	return &ChangedError{Pipeline: plan.Pipeline.Name, Changed: changed, Definitions: true}
}

// ChangedError reports that the definition of a pipeline changed since its artifacts were made, or that events of them were
// retracted since. Class Data.
type ChangedError struct {
	Pipeline    string
	Changed     []string // names of definitions, or descriptions of retractions
	Definitions bool     // the names are of definitions
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
		return &ChangedError{Pipeline: plan.Pipeline.Name, Changed: all}
	}
	return nil
}
