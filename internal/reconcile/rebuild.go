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

// Rebuild folds all batches into the next generation and swaps (rule 9). Readers see the old generation until the swap.
// A rebuild that was cut short goes on where it stopped, unless the pipeline has changed again since.
func (e *Engine) Rebuild(ctx context.Context, pipeline string, watch func(RunRef, string)) (Rebuilt, error) {
	plan, err := e.Plan(ctx, pipeline)
	if err != nil {
		return Rebuilt{}, err
	}
	old, err := e.Current(ctx, pipeline)
	if err != nil {
		return Rebuilt{}, err
	}
	out := Rebuilt{Pipeline: pipeline}
	if old.Published > 0 && checkFingerprint(plan, old.Fingerprint) == nil {
		before, err := e.export(ctx, plan, &old, old.Published, io.Discard)
		if ctx.Err() != nil {
			return out, err
		}
		if err != nil { // a rebuild is the way out of damage to the old generation
			e.Log.Warn("cannot read the artifacts that the rebuild replaces", "pipeline", pipeline, "error", err)
		}
		out.DigestBefore = before.Digest
	}
	g, err := e.build(ctx, plan, watch)
	if err != nil {
		return out, fmt.Errorf("rebuild %s: %w", pipeline, err)
	}
	after, err := e.export(ctx, plan, &g, g.Published, io.Discard)
	if err != nil {
		return out, err
	}
	out.Generation, out.Runs, out.DigestAfter, out.Rows = g.Generation, g.Published, after.Digest, after.Rows
	return out, e.swap(ctx, &g)
}

// build works the whole backlog off into the generation in the making.
func (e *Engine) build(ctx context.Context, plan *fold.Plan, watch func(RunRef, string)) (Generation, error) {
	for {
		var next NextResult
		var generation RunRef
		var discarded *Generation
		if err := e.clearNext(ctx, plan.Pipeline.Name); err != nil {
			return Generation{}, err
		}
		err := e.planning(ctx, plan, func(tx catalog.Tx) (err error) {
			var g *Generation
			if g, discarded, err = buildingGeneration(tx, plan); err != nil {
				return err
			}
			next, err = nextRun(tx, plan, g, 0)
			generation = RunRef{g.Pipeline, g.Generation, 0}
			return err
		})
		if err != nil {
			return Generation{}, err
		}
		if discarded != nil {
			if err := e.drop(ctx, discarded); err != nil {
				return Generation{}, err
			}
		}
		if !next.Backlog {
			return e.generation(ctx, generation)
		}
		for _, step := range StepNames {
			watch(next.Ref, step)
			if _, err := e.Step(ctx, next.Ref, step); err != nil {
				return Generation{}, err
			}
		}
	}
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
