// A generation of a pipeline: its document, its watermark, and how the first one and those of rebuilds begin.

package runs

import (
	"maps"
	"math"
	"slices"
	"time"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
	"bursar/internal/event"
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

// BeginRebuild resumes or creates the generation being made, and fixes which batches it includes: all that are sealed now, so that
// a rebuild ends although more arrive. With discard an existing one is replaced.
func BeginRebuild(tx catalog.Tx, plan *fold.Plan, discard bool) (g, discarded *Generation, resumed bool, err error) {
	if err := CheckStreams(tx, plan); err != nil {
		return nil, nil, false, err
	}
	if g, discarded, resumed, err = buildingGeneration(tx, plan, discard); err != nil {
		return nil, nil, false, err
	}
	if g.BuildUntil, err = lastSealed(tx, plan); err != nil {
		return nil, nil, false, err
	}
	if err := g.excludeRetracted(tx, plan); err != nil {
		return nil, nil, false, err
	}
	return g, discarded, resumed, PutGeneration(tx, g)
}

// SwitchTo makes a new generation the one that readers see.
func SwitchTo(tx catalog.Tx, g *Generation) error {
	published := *g
	published.BuildUntil = nil
	if err := PutGeneration(tx, &published); err != nil {
		return err
	}
	return PutState(tx, g.Pipeline, State{Generation: g.Generation})
}

// buildingGeneration reads the generation being made, to resume it, or creates it. One that was started with other definitions, or
// has folded events that were retracted since, or is to be discarded, is returned as discarded, for removal.
func buildingGeneration(tx catalog.Tx, plan *fold.Plan, discard bool) (g, discarded *Generation, resumed bool, err error) {
	name := plan.Pipeline.Name
	state, _, err := getState(tx, name)
	if err != nil {
		return nil, nil, false, err
	}
	if state.Building > 0 {
		building, _, err := GetGeneration(tx, name, state.Building)
		if err != nil {
			return nil, nil, false, err
		}
		if !discard && CheckCurrent(tx, plan, &building) == nil {
			return &building, nil, true, nil
		}
		discarded = &Generation{Pipeline: name, Generation: state.Building}
	}
	state.Building = state.Next()
	g = &Generation{Pipeline: name, Generation: state.Building, Fingerprint: plan.Fingerprint()}
	if err := PutState(tx, name, state); err != nil {
		return nil, nil, false, err
	}
	return g, discarded, false, PutGeneration(tx, g)
}
