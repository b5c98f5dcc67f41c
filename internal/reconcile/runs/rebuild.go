// The generation that a rebuild makes: how it begins, is extended, and becomes the one that readers see. Processes that rebuild the same
// pipeline at once make the same generation.

package runs

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/fold"
	"bursar/internal/reconcile"
)

// PrepareNext calls prepare for the next generation of a pipeline, before that generation is created. If prepare finds something with its
// names, but another process has created it meanwhile, that is not an error.
func PrepareNext(ctx context.Context, c catalog.Catalog, pipeline string, prepare func(context.Context, artifact.Space) error) error {
	state, _, err := ReadState(ctx, c, pipeline)
	if err != nil {
		return err
	}
	err = prepare(ctx, artifact.Space{Pipeline: pipeline, Generation: state.Next()})
	if err == nil {
		return nil
	}
	now, _, readErr := ReadState(ctx, c, pipeline)
	if readErr == nil && now.Next() > state.Next() {
		return nil
	}
	return errors.Join(err, readErr)
}

// BeginRebuild resumes or creates the generation being made, and fixes which batches it includes: all that are sealed now, so that
// a rebuild ends although more arrive. The generation numbered discard, if it is still the one being made, is replaced.
func BeginRebuild(tx catalog.Tx, plan *fold.Plan, discard uint64) (g, discarded *Generation, resumed bool, err error) {
	if err := CheckStreams(tx, plan); err != nil {
		return nil, nil, false, err
	}
	if g, discarded, resumed, err = buildingGeneration(tx, plan, discard); err != nil {
		return nil, nil, false, err
	}
	return g, discarded, resumed, extend(tx, plan, g)
}

// ExtendRebuild makes the generation being made include all batches that are sealed now. If it is no longer being made nothing changes.
func ExtendRebuild(tx catalog.Tx, plan *fold.Plan, generation uint64) error {
	state, _, err := getState(tx, plan.Pipeline.Name)
	if err != nil || state.Building != generation {
		return err
	}
	g, err := generationBeingMade(tx, plan)
	if err != nil {
		return err
	}
	return extend(tx, plan, g)
}

func extend(tx catalog.Tx, plan *fold.Plan, g *Generation) (err error) {
	if g.BuildUntil, err = lastSealed(tx, plan); err != nil {
		return err
	}
	if err := g.excludeRetracted(tx, plan); err != nil {
		return err
	}
	return PutGeneration(tx, g)
}

// generationBeingMade reads the generation that a rebuild is making; nil if there is none, because another process has completed the
// rebuild.
func generationBeingMade(tx catalog.Tx, plan *fold.Plan) (*Generation, error) {
	name := plan.Pipeline.Name
	state, _, err := getState(tx, name)
	if err != nil || state.Building == 0 {
		return nil, err
	}
	g, found, err := GetGeneration(tx, name, state.Building)
	if err == nil && !found {
		err = fmt.Errorf("bug: generation %d of %s, which a rebuild is making, is not in the catalog", state.Building, name)
	}
	if err == nil {
		err = CheckFingerprint(plan, g.Fingerprint)
	}
	return &g, err
}

// buildingGeneration reads the generation being made, to resume it, or creates it. One that was started with other definitions, or
// has folded events that were retracted since, or is to be discarded, is returned as discarded, for removal.
func buildingGeneration(tx catalog.Tx, plan *fold.Plan, discard uint64) (g, discarded *Generation, resumed bool, err error) {
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
		if state.Building != discard && CheckCurrent(tx, plan, &building) == nil {
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

// ErrBehind is returned for a new generation that readers must not see yet: runs of it are in flight, or readers see batches that are not
// in it. The caller extends it, executes its runs and tries again.
var ErrBehind = failure.Wrap(failure.Transient, errors.New("more batches were published than the rebuild has folded; run it again"))

// ErrRebuiltAnew is returned for a new generation that another rebuild has replaced before it was complete.
var ErrRebuiltAnew = failure.Wrap(failure.Transient, errors.New("another process has started the rebuild anew; wait for it, or run it again"))

// CheckBuilding returns ErrRebuiltAnew for a generation that is neither being made nor seen by readers.
func CheckBuilding(tx catalog.Tx, ref Ref) error {
	state, _, err := getState(tx, ref.Pipeline)
	if err == nil && state.Building != ref.Generation && state.Generation != ref.Generation {
		err = ErrRebuiltAnew
	}
	return err
}

// SwitchTo makes a new generation the one that readers see, and returns it as it is then. If another process has switched to it already,
// nothing changes. Processes that work on the generations meanwhile cannot come between: a run that is planned or published before is
// seen here (ErrBehind), and afterwards those of the old generation are refused (GetOpen).
func SwitchTo(tx catalog.Tx, plan *fold.Plan, ref Ref) (g Generation, err error) {
	if err := CheckBuilding(tx, ref); err != nil {
		return g, err
	}
	state, _, err := getState(tx, ref.Pipeline)
	if err != nil {
		return g, err
	}
	g, _, err = GetGeneration(tx, ref.Pipeline, ref.Generation)
	if err != nil || state.Generation == ref.Generation {
		return g, err
	}
	if err := checkAhead(tx, plan, &g, state.Generation); err != nil {
		return g, err
	}
	g.BuildUntil = nil
	if err := PutGeneration(tx, &g); err != nil {
		return g, err
	}
	return g, PutState(tx, g.Pipeline, State{Generation: g.Generation})
}

// checkAhead returns ErrBehind unless all runs of a new generation are published, and contain all batches in published runs of the old
// one: a watermark must not go back. Generations of different streams are not compared. Of a damaged generation nothing is compared that
// cannot be read.
func checkAhead(tx catalog.Tx, plan *fold.Plan, g *Generation, oldNumber uint64) error {
	if g.Published < g.Runs {
		return ErrBehind
	}
	old, found, err := GetGeneration(tx, g.Pipeline, oldNumber)
	if err != nil || !found || plan.Fingerprint()[fold.StreamsFingerprint] != old.Fingerprint[fold.StreamsFingerprint] {
		return err
	}
	published := old.LastBatch
	for n := old.Runs; n > old.Published; n-- {
		run, err := Get(tx, old.RunRef(n))
		if errors.As(err, new(*reconcile.NotFoundError)) {
			return nil
		}
		if err != nil {
			return err
		}
		published = published.Before(run.Batches)
	}
	sealed, err := lastSealed(tx, plan)
	if err != nil {
		return err
	}
	for stream, batch := range published {
		if min(batch, sealed[stream]) > g.LastBatch[stream] {
			return ErrBehind
		}
	}
	return nil
}
