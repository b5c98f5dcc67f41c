// What the catalog knows about the objects of pipelines, and how a pipeline with damaged records is reset.

package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
)

// KnownObjects returns the names of all objects that runs have recorded, of all pipelines and generations.
func (e *Engine) KnownObjects(ctx context.Context) (map[string]bool, error) {
	known := map[string]bool{}
	err := e.Catalog.View(ctx, func(tx catalog.Tx) error {
		err := tx.List("run/", func(_ string, value json.RawMessage) error {
			var run Run
			if err := json.Unmarshal(value, &run); err != nil {
				return err
			}
			for step := range run.Steps {
				for _, o := range run.stepObjects(step) {
					known[o.Name] = true
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		return tx.List("share/", func(_ string, value json.RawMessage) error {
			var share Share
			if err := json.Unmarshal(value, &share); err != nil {
				return err
			}
			for _, o := range share.Objects {
				known[o.Name] = true
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list objects of runs: %w", err)
	}
	return known, nil
}

// Unfinished reports whether an object that no run has recorded may belong to an unfinished run or rebuild.
func (e *Engine) Unfinished(ctx context.Context, name string) bool {
	for _, p := range e.Project.Pipelines {
		g, err := e.Current(ctx, p.Name)
		if err != nil {
			continue
		}
		state, err := e.readState(ctx, p.Name)
		if err != nil {
			continue
		}
		for _, n := range []uint64{g.Generation, state.Building} {
			rest, ok := strings.CutPrefix(name, artifact.SpacePrefix(artifact.Space{Pipeline: p.Name, Generation: n}))
			_, rest, _ = strings.Cut(rest, "/") // runs/ or parts/, then the number of the run
			if ok && n > 0 && (n != g.Generation || rest > fmt.Sprintf("%08d", g.Published+1)) {
				return true
			}
		}
	}
	return false
}

// CheckRecords returns an error if the catalog's documents of a pipeline are incomplete: generations or runs without the document
// that names them, or the reverse, or only those of a rebuild that is not complete.
func (e *Engine) CheckRecords(ctx context.Context, pipeline string) error {
	names, err := e.Objects.List(ctx, "pipelines/"+pipeline+"/")
	if err != nil {
		return err
	}
	return e.Catalog.View(ctx, func(tx catalog.Tx) error {
		var state pipelineState
		named, err := tx.Get(pipelineKey(pipeline), &state)
		if err != nil {
			return err
		}
		found := map[string]bool{}
		for _, kind := range []string{"generation/", "run/"} {
			err := tx.List(kind+pipeline+"/", func(key string, _ json.RawMessage) error {
				found[strings.Split(key, "/")[2]] = true
				return nil
			})
			if err != nil {
				return err
			}
		}
		if !named && len(found)+len(names) > 0 {
			return fmt.Errorf("%d generations and %d objects of %s exist, but the catalog does not contain the pipeline", len(found), len(names), pipeline)
		}
		var g Generation
		if known, err := tx.Get(generationKey(pipeline, state.Generation), &g); err != nil || !known {
			return errors.Join(err, state.missing(pipeline))
		}
		for number := uint64(1); number <= g.Runs; number++ {
			if _, err := getRun(tx, RunRef{pipeline, g.Generation, number}); err != nil {
				return err
			}
		}
		return nil
	})
}

// Forget removes everything of a pipeline except its declaration. It first records that the pipeline must be rebuilt, so that
// after a crash it is not mistaken for a pipeline that has never run. Rebuild then folds the events again (rule 9).
func (e *Engine) Forget(ctx context.Context, pipeline string) error {
	names, err := e.Objects.List(ctx, "pipelines/"+pipeline+"/")
	if err != nil {
		return err
	}
	state, err := e.readState(ctx, pipeline)
	if err != nil {
		return err
	}
	last := max(state.Generation, state.Building, 1)
	for _, name := range names {
		var g uint64
		if _, err := fmt.Sscanf(name, "pipelines/"+pipeline+"/g%d/", &g); err == nil {
			last = max(last, g)
		}
	}
	err = e.Catalog.Update(ctx, func(tx catalog.Tx) error {
		return tx.Put(pipelineKey(pipeline), pipelineState{Building: last + 1})
	})
	if err != nil {
		return err
	}
	for g := uint64(1); g <= last; g++ {
		if err := e.Index.Drop(ctx, artifact.Space{Pipeline: pipeline, Generation: g}); err != nil {
			return err
		}
	}
	e.partCache.Clear()
	for _, name := range names {
		if err := e.Objects.Delete(ctx, name); err != nil {
			return err
		}
	}
	return e.Catalog.Update(ctx, func(tx catalog.Tx) error { return deleteRecords(tx, pipeline) })
}

// deleteRecords deletes the catalog's documents of a pipeline's generations.
func deleteRecords(tx catalog.Tx, pipeline string) error {
	var keys []string
	for _, kind := range []string{"generation/", "run/", "share/"} {
		err := tx.List(kind+pipeline+"/", func(key string, _ json.RawMessage) error {
			keys = append(keys, key)
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, key := range keys {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	return nil
}
