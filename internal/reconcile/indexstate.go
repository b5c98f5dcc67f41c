// Compares the index with the catalog: if the index was deleted or restored from an older copy, existing keys would look new; an
// older catalog would not match the index.

package reconcile

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/fold"
)

// checkLoaded checks that the index contains everything up to a run of a generation, and nothing of runs that the catalog does
// not know.
func (e *Engine) checkLoaded(ctx context.Context, plan *fold.Plan, space artifact.Space, upTo uint64) error {
	last, planned, err := e.lastRunWithEntries(ctx, space, upTo)
	if err != nil {
		return err
	}
	newest, loaded, err := e.loadedEntries(ctx, space, last.Run)
	switch {
	case err != nil:
		return err
	case newest > planned:
		return e.checkPlanned(ctx, space, newest)
	case last.Run == 0 || loaded == last.Created+last.Updated:
		return nil
	case newest == 0:
		return e.adoptIndex(ctx, plan, &last)
	}
	return notLoaded(&last, loaded)
}

func notLoaded(run *Run, entries int64) error {
	err := fmt.Errorf("the index is absent or older than the catalog: of run %d of %s, generation %d, it holds %d of %d entries; run `bursar repair`",
		run.Run, run.Pipeline, run.Generation, entries, run.Created+run.Updated)
	return failure.Wrap(failure.Data, err)
}

// checkPlanned reads the catalog again if the index contained a run that was not planned: it may have been planned meanwhile.
func (e *Engine) checkPlanned(ctx context.Context, space artifact.Space, newest uint64) error {
	g, err := e.readGeneration(ctx, RunRef{space.Pipeline, space.Generation, 0})
	if err != nil || newest <= g.Runs {
		return err
	}
	err = fmt.Errorf("the catalog is older than the index: run %d of %s, generation %d, is not in it; run `bursar rebuild %s`",
		newest, space.Pipeline, space.Generation, space.Pipeline)
	return failure.Wrap(failure.Data, err)
}

// lastRunWithEntries returns the newest run up to upTo that wrote artifacts, zero if there is none, and the last planned run.
func (e *Engine) lastRunWithEntries(ctx context.Context, space artifact.Space, upTo uint64) (last Run, planned uint64, err error) {
	err = e.Catalog.View(ctx, func(tx catalog.Tx) error {
		last = Run{}
		var g Generation
		if _, err := tx.Get(generationKey(space.Pipeline, space.Generation), &g); err != nil {
			return err
		}
		planned = g.Runs
		for n := upTo; n > 0; n-- {
			run, err := getRun(tx, RunRef{space.Pipeline, space.Generation, n})
			if err != nil {
				return err
			}
			if run.Created+run.Updated > 0 {
				last = run
				return nil
			}
		}
		return nil
	})
	return last, planned, err
}

// loadedEntries returns the newest run in the index, and the number of entries of one run.
func (e *Engine) loadedEntries(ctx context.Context, space artifact.Space, counted uint64) (newest uint64, entries int64, err error) {
	err = e.Index.Loads(ctx, space, func(run uint64, n int64) error {
		newest = max(newest, run)
		if run == counted {
			entries += n
		}
		if run < counted {
			return failure.ErrStop
		}
		return nil
	})
	return newest, entries, failure.UnlessStopped(err)
}

// adoptIndex accepts an index of an older version, which did not record its loads: if it has all entries of the last run it
// also has those of earlier runs, because runs are loaded in order. If the index is read-only this is checked again next time.
func (e *Engine) adoptIndex(ctx context.Context, plan *fold.Plan, last *Run) error {
	for p := range last.Partitions {
		if _, err := e.checkRunIndex(ctx, plan, last, p); err != nil {
			return errors.Join(notLoaded(last, 0), err)
		}
	}
	for p := range last.Partitions {
		if _, err := e.index(ctx, plan, last, p); err != nil && !errors.Is(err, artifact.ErrReadOnly) {
			return err
		}
	}
	return nil
}

// RepairIndex rebuilds the index of a pipeline's generations from the parts of their runs, and returns the number of loaded
// entries. Existing entries are dropped first. A damaged part is an error: then only a rebuild helps.
func (e *Engine) RepairIndex(ctx context.Context, pipeline string) (entries int64, err error) {
	plan, err := e.Plan(ctx, pipeline)
	if err != nil {
		return 0, err
	}
	generations, err := e.generations(ctx, pipeline)
	if err != nil {
		return 0, err
	}
	for _, g := range generations {
		if err := checkFingerprint(plan, g.Fingerprint); err != nil {
			return entries, err
		}
		n, err := e.reloadIndex(ctx, plan, &g)
		entries += n
		if err != nil {
			return entries, err
		}
	}
	return entries, nil
}

func (e *Engine) reloadIndex(ctx context.Context, plan *fold.Plan, g *Generation) (entries int64, err error) {
	if err := e.Index.Drop(ctx, g.space()); err != nil {
		return 0, err
	}
	runs, err := e.Runs(ctx, g.Pipeline, g.Generation, 0)
	if err != nil {
		return 0, err
	}
	for i := range runs {
		if _, indexed := runs[i].Steps[StepIndex]; !indexed {
			break
		}
		for p := range runs[i].Partitions {
			share, err := e.index(ctx, plan, &runs[i], p)
			if err != nil {
				return entries, fmt.Errorf("index run %d of %s: %w; run `bursar rebuild %s`", runs[i].Run, g.Pipeline, err, g.Pipeline)
			}
			entries += share.Rows
		}
	}
	return entries, nil
}

// generations returns the generation that readers see and the one that a rebuild is making, if they exist.
func (e *Engine) generations(ctx context.Context, pipeline string) (list []Generation, err error) {
	err = e.Catalog.View(ctx, func(tx catalog.Tx) error {
		list = nil
		var state pipelineState
		if _, err := tx.Get(pipelineKey(pipeline), &state); err != nil {
			return err
		}
		for _, n := range []uint64{state.Generation, state.Building} {
			var g Generation
			found, err := tx.Get(generationKey(pipeline, n), &g)
			if err != nil {
				return err
			}
			if found {
				list = append(list, g)
			}
		}
		return nil
	})
	return list, err
}

// clearFirstGeneration removes objects and index entries under the names of a pipeline's first generation before it is created:
// leftovers of another catalog would be taken for its own.
func (e *Engine) clearFirstGeneration(ctx context.Context, pipeline string) error {
	known := false
	err := e.Catalog.View(ctx, func(tx catalog.Tx) (err error) {
		known, err = tx.Get(pipelineKey(pipeline), &pipelineState{})
		return err
	})
	if err != nil || known {
		return err
	}
	return e.clear(ctx, artifact.Space{Pipeline: pipeline, Generation: 1})
}

// clear removes all objects and index entries of a generation, if there are any.
func (e *Engine) clear(ctx context.Context, space artifact.Space) error {
	exists := false
	err := e.Index.Scan(ctx, space, ^uint64(0), func(artifact.Entry) error { exists = true; return failure.ErrStop })
	if err := failure.UnlessStopped(err); err != nil {
		return err
	}
	if exists {
		if err := e.Index.Drop(ctx, space); err != nil {
			return err
		}
	}
	names, err := e.Objects.List(ctx, artifact.SpacePrefix(space))
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := e.Objects.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
