// Removes generations: the one that a rebuild replaces, or all of a pipeline with damaged records.

package rebuild

import (
	"context"
	"fmt"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
	"bursar/internal/reconcile/runs"
)

// Forget removes everything of a pipeline except its declaration. It first records that the pipeline must be rebuilt, so that
// after a crash it is not mistaken for a pipeline that has never run. Rebuild then folds the events again (rule 9).
func (e *Rebuilder) Forget(ctx context.Context, pipeline string) error {
	prefix := "pipelines/" + pipeline + "/"
	names, err := e.Objects.List(ctx, prefix)
	if err != nil {
		return err
	}
	state, _, err := runs.ReadState(ctx, e.Catalog, pipeline)
	if err != nil {
		return err
	}
	last := max(state.Generation, state.Building, 1)
	for _, name := range names {
		var g uint64
		if _, err := fmt.Sscanf(name, prefix+"g%d/", &g); err == nil {
			last = max(last, g)
		}
	}
	err = e.Catalog.Update(ctx, func(tx catalog.Tx) error {
		return runs.PutState(tx, pipeline, runs.State{Building: last + 1})
	})
	if err != nil {
		return err
	}
	for g := uint64(1); g <= last; g++ {
		if err := e.Index.Drop(ctx, artifact.Space{Pipeline: pipeline, Generation: g}); err != nil {
			return err
		}
	}
	e.reader.CloseParts()
	if err := e.DeleteObjects(ctx, prefix); err != nil {
		return err
	}
	return e.Catalog.Update(ctx, func(tx catalog.Tx) error { return runs.DeleteAll(tx, pipeline) })
}

// drop removes everything of a generation, which can be derived again (rule 9). It waits for its readers.
func (e *Rebuilder) drop(ctx context.Context, g *runs.Generation) error {
	if err := e.reader.AwaitNoReaders(ctx, g.Space()); err != nil {
		return err
	}
	if err := e.Index.Drop(ctx, g.Space()); err != nil {
		return fmt.Errorf("drop generation %d of %s: %w", g.Generation, g.Pipeline, err)
	}
	if err := e.DeleteObjects(ctx, artifact.SpacePrefix(g.Space())); err != nil {
		return err
	}
	list, err := runs.List(ctx, e.Catalog, g.Pipeline, g.Generation, 0)
	if err != nil {
		return err
	}
	return e.Catalog.Update(ctx, func(tx catalog.Tx) error { return runs.DeleteGeneration(tx, g, list) })
}
