package reconcile

import (
	"context"
	"fmt"
	"io"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
	"bursar/internal/fold"
)

// Rebuilt says what a rebuild did. The digests are those an export before and after has.
type Rebuilt struct {
	Pipeline     string `json:"pipeline"`
	Generation   uint64 `json:"generation"`
	DigestBefore string `json:"digest_before"` // empty when the pipeline had changed, never run, or was damaged
	DigestAfter  string `json:"digest_after"`
	Runs         uint64 `json:"runs"`
	Rows         int64  `json:"rows"`
}

// Rebuild folds all batches that are sealed by now into the next generation and swaps (rule 9). workOff carries out the runs of
// the generation in the making, which NextOfRebuild plans. Readers see the old generation until the swap. A rebuild that
// was cut short goes on where it stopped, unless the pipeline has changed again since.
func (e *Engine) Rebuild(ctx context.Context, pipeline string, workOff func(ctx context.Context) error) (Rebuilt, error) {
	plan, err := e.Plan(ctx, pipeline)
	if err != nil {
		return Rebuilt{}, err
	}
	out := Rebuilt{Pipeline: pipeline}
	if out.DigestBefore, err = e.digestBefore(ctx, plan); err != nil {
		return out, err
	}
	ref, err := e.beginRebuild(ctx, plan)
	if err == nil {
		err = workOff(ctx)
	}
	if err != nil {
		return out, fmt.Errorf("rebuild %s: %w", pipeline, err)
	}
	g, err := e.generation(ctx, ref)
	if err != nil {
		return out, err
	}
	after, err := e.export(ctx, plan, &g, g.Published, io.Discard)
	if err != nil {
		return out, err
	}
	out.Generation, out.Runs, out.DigestAfter, out.Rows = g.Generation, g.Published, after.Digest, after.Rows
	return out, e.swap(ctx, &g)
}

// digestBefore is the digest of what readers see, empty where that is of another definition, or cannot be read: a rebuild
// is the way out of damage.
func (e *Engine) digestBefore(ctx context.Context, plan *fold.Plan) (string, error) {
	old, err := e.Current(ctx, plan.Pipeline.Name)
	if err != nil || old.Published == 0 || checkFingerprint(plan, old.Fingerprint) != nil {
		return "", err
	}
	before, err := e.export(ctx, plan, &old, old.Published, io.Discard)
	if ctx.Err() != nil {
		return "", err
	}
	if err != nil {
		e.Log.Warn("cannot read the artifacts that the rebuild replaces", "pipeline", plan.Pipeline.Name, "error", err)
	}
	return before.Digest, nil
}

// beginRebuild finds the generation in the making, or makes it, and fixes which batches it takes in: all that are sealed by
// now, so that a rebuild ends also while more arrive.
func (e *Engine) beginRebuild(ctx context.Context, plan *fold.Plan) (RunRef, error) {
	if err := e.clearNext(ctx, plan.Pipeline.Name); err != nil {
		return RunRef{}, err
	}
	var g, discarded *Generation
	err := e.Catalog.Update(ctx, func(tx catalog.Tx) (err error) {
		if g, discarded, err = buildingGeneration(tx, plan); err != nil {
			return err
		}
		if g.Until, err = sealedUntil(tx, plan); err != nil {
			return err
		}
		return tx.Put(generationKey(g.Pipeline, g.Generation), g)
	})
	if err == nil && discarded != nil {
		err = e.drop(ctx, discarded)
	}
	if err != nil {
		return RunRef{}, err
	}
	return RunRef{Pipeline: g.Pipeline, Generation: g.Generation}, nil
}

// NextOfRebuild is Next for the generation that a rebuild is making.
func (e *Engine) NextOfRebuild(ctx context.Context, pipeline string, after uint64) (next NextResult, err error) {
	plan, err := e.Plan(ctx, pipeline)
	if err != nil {
		return next, err
	}
	err = e.planning(ctx, plan, func(tx catalog.Tx) error {
		var state pipelineState
		if _, err := tx.Get(pipelineKey(pipeline), &state); err != nil {
			return err
		}
		var g Generation
		found, err := tx.Get(generationKey(pipeline, state.Building), &g)
		if err == nil && !found {
			err = fmt.Errorf("bug: no rebuild of %s has begun", pipeline)
		}
		if err == nil {
			next, err = nextRun(tx, plan, &g, after)
		}
		return err
	})
	if err != nil {
		return NextResult{}, fmt.Errorf("plan run of the rebuild of %s: %w", pipeline, err)
	}
	return next, nil
}

// clearNext removes what lies under the names of the generation that a rebuild is about to make.
func (e *Engine) clearNext(ctx context.Context, pipeline string) error {
	var state pipelineState
	err := e.Catalog.View(ctx, func(tx catalog.Tx) error {
		_, err := tx.Get(pipelineKey(pipeline), &state)
		return err
	})
	if err != nil || state.Building > 0 {
		return err
	}
	return e.clear(ctx, artifact.Space{Pipeline: pipeline, Generation: state.Generation + 1})
}

func (e *Engine) generation(ctx context.Context, ref RunRef) (g Generation, err error) {
	err = e.Catalog.View(ctx, func(tx catalog.Tx) error {
		_, err := tx.Get(generationKey(ref.Pipeline, ref.Generation), &g)
		return err
	})
	return g, err
}

// buildingGeneration reads the generation in the making or makes it. One that was begun with other definitions is
// given up, and returned to be removed.
func buildingGeneration(tx catalog.Tx, plan *fold.Plan) (g, discarded *Generation, err error) {
	name := plan.Pipeline.Name
	var state pipelineState
	if _, err := tx.Get(pipelineKey(name), &state); err != nil {
		return nil, nil, err
	}
	next := state.Generation + 1
	if state.Building > 0 {
		g = &Generation{}
		if _, err := tx.Get(generationKey(name, state.Building), g); err != nil {
			return nil, nil, err
		}
		if checkFingerprint(plan, g.Fingerprint) == nil {
			return g, nil, nil
		}
		discarded, next = g, state.Building+1
	}
	g = &Generation{Pipeline: name, Generation: next, Fingerprint: plan.Fingerprint()}
	state.Building = next
	if err := tx.Put(pipelineKey(name), state); err != nil {
		return nil, nil, err
	}
	return g, discarded, tx.Put(generationKey(name, next), g)
}

// swap makes the new generation the one that readers see, then removes the others.
func (e *Engine) swap(ctx context.Context, g *Generation) error {
	err := e.Catalog.Update(ctx, func(tx catalog.Tx) error {
		open := *g
		open.Until = nil
		if err := tx.Put(generationKey(g.Pipeline, g.Generation), open); err != nil {
			return err
		}
		return tx.Put(pipelineKey(g.Pipeline), pipelineState{Generation: g.Generation})
	})
	if err != nil {
		return fmt.Errorf("swap generation of %s: %w", g.Pipeline, err)
	}
	for n := uint64(1); n < g.Generation; n++ {
		if err := e.drop(ctx, &Generation{Pipeline: g.Pipeline, Generation: n}); err != nil {
			return err
		}
	}
	return nil
}

// drop removes all of a generation: what was derived can be derived again (rule 9).
// Whoever reads in it is waited for.
func (e *Engine) drop(ctx context.Context, g *Generation) error {
	if err := e.standing.unread(ctx, g.space()); err != nil {
		return err
	}
	e.parts.Forget()
	if err := e.Index.Drop(ctx, g.space()); err != nil {
		return fmt.Errorf("drop generation %d of %s: %w", g.Generation, g.Pipeline, err)
	}
	names, err := e.Objects.List(ctx, artifact.SpacePrefix(g.space()))
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := e.Objects.Delete(ctx, name); err != nil {
			return err
		}
	}
	runs, err := e.Runs(ctx, g.Pipeline, g.Generation, 0)
	if err != nil {
		return err
	}
	return e.Catalog.Update(ctx, func(tx catalog.Tx) error {
		for _, run := range runs {
			if err := tx.Delete(runKey(run.ref())); err != nil {
				return err
			}
		}
		return tx.Delete(generationKey(g.Pipeline, g.Generation))
	})
}
