// The catalog's documents of pipelines: their keys, and how they are read, written and deleted.

package runs

import (
	"context"
	"encoding/json"
	"fmt"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/reconcile"
)

// State names the generation that readers see and the one that a rebuild is making.
type State struct {
	Generation uint64 `json:"generation"`
	Building   uint64 `json:"building,omitempty"`
}

// Next is the number of the next generation. The number of a discarded generation is not reused.
func (s *State) Next() uint64 { return max(s.Generation, s.Building) + 1 }

// Missing explains why there is no generation for readers; nil for a pipeline that has never run. After an interrupted repair
// only the generation that its rebuild is making exists.
func (s *State) Missing(pipeline string) error {
	switch {
	case s.Generation > 0:
		return failure.Wrap(failure.Data, fmt.Errorf("generation %d of %s is not in the catalog: run `bursar repair`", s.Generation, pipeline))
	case s.Building > 0:
		return failure.Wrap(failure.Data, fmt.Errorf("a rebuild of %s was started but is not complete, and there is no other generation: run `bursar rebuild %s`", pipeline, pipeline))
	}
	return nil
}

func pipelineKey(pipeline string) string { return "pipeline/" + pipeline }

func generationKey(pipeline string, generation uint64) string {
	return fmt.Sprintf("generation/%s/g%04d", pipeline, generation)
}

func runPrefix(pipeline string, generation uint64) string {
	return fmt.Sprintf("run/%s/g%04d/", pipeline, generation)
}

func runKey(ref Ref) string {
	return fmt.Sprintf("%s%08d", runPrefix(ref.Pipeline, ref.Generation), ref.Run)
}

// Get reads a run. If it is not found the error is a NotFoundError.
func Get(tx catalog.Tx, ref Ref) (Run, error) {
	var run Run
	ok, err := tx.Get(runKey(ref), &run)
	if err == nil && !ok {
		err = &reconcile.NotFoundError{What: fmt.Sprintf("run %d of %s, generation %d", ref.Run, ref.Pipeline, ref.Generation)}
	}
	return run, err
}

// Put stores a run.
func Put(tx catalog.Tx, run *Run) error { return tx.Put(runKey(run.Ref()), run) }

// Find reads one run in its current state.
func Find(ctx context.Context, c catalog.Catalog, ref Ref) (run Run, err error) {
	err = c.View(ctx, func(tx catalog.Tx) error {
		run, err = Get(tx, ref)
		return err
	})
	return run, err
}

// List lists the runs of a generation with numbers above after, in order.
func List(ctx context.Context, c catalog.Catalog, pipeline string, generation, after uint64) ([]Run, error) {
	var runs []Run
	err := c.View(ctx, func(tx catalog.Tx) error {
		runs = nil
		last := runKey(Ref{Pipeline: pipeline, Generation: generation, Run: after})
		return tx.ListAfter(runPrefix(pipeline, generation), last, func(_ string, value json.RawMessage) error {
			var run Run
			if err := json.Unmarshal(value, &run); err != nil {
				return err
			}
			runs = append(runs, run)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list runs of %s: %w", pipeline, err)
	}
	return runs, nil
}

// getState reads which generations of a pipeline exist; it is not known if the pipeline has never run.
func getState(tx catalog.Tx, pipeline string) (state State, known bool, err error) {
	known, err = tx.Get(pipelineKey(pipeline), &state)
	return state, known, err
}

// PutState stores which generations of a pipeline exist.
func PutState(tx catalog.Tx, pipeline string, state State) error {
	return tx.Put(pipelineKey(pipeline), state)
}

// ReadState is getState in a transaction of its own.
func ReadState(ctx context.Context, c catalog.Catalog, pipeline string) (state State, known bool, err error) {
	err = c.View(ctx, func(tx catalog.Tx) error {
		state, known, err = getState(tx, pipeline)
		return err
	})
	return state, known, err
}

// GetGeneration reads a generation. If it is not found only its name is set.
func GetGeneration(tx catalog.Tx, pipeline string, generation uint64) (g Generation, found bool, err error) {
	g = Generation{Pipeline: pipeline, Generation: generation}
	found, err = tx.Get(generationKey(pipeline, generation), &g)
	return g, found, err
}

// PutGeneration stores a generation.
func PutGeneration(tx catalog.Tx, g *Generation) error {
	return tx.Put(generationKey(g.Pipeline, g.Generation), g)
}

// ReadGeneration reads the generation of a run.
func ReadGeneration(ctx context.Context, c catalog.Catalog, ref Ref) (g Generation, err error) {
	err = c.View(ctx, func(tx catalog.Tx) error {
		g, _, err = GetGeneration(tx, ref.Pipeline, ref.Generation)
		return err
	})
	return g, err
}

// Current reads the generation that readers see; generation 0 for a pipeline that has never run.
func Current(ctx context.Context, c catalog.Catalog, pipeline string) (g Generation, err error) {
	err = c.View(ctx, func(tx catalog.Tx) error {
		g = Generation{Pipeline: pipeline}
		state, known, err := getState(tx, pipeline)
		if err != nil || !known {
			return err
		}
		_, err = tx.Get(generationKey(pipeline, state.Generation), &g)
		return err
	})
	return g, err
}

// Generations returns the generation that readers see and the one that a rebuild is making, if they exist.
func Generations(ctx context.Context, c catalog.Catalog, pipeline string) (list []Generation, err error) {
	err = c.View(ctx, func(tx catalog.Tx) error {
		list = nil
		state, _, err := getState(tx, pipeline)
		if err != nil {
			return err
		}
		for _, n := range []uint64{state.Generation, state.Building} {
			g, found, err := GetGeneration(tx, pipeline, n)
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

// ReadBatches reads the batches of a run as its generation folds them.
func ReadBatches(ctx context.Context, c catalog.Catalog, p *project.Project, run *Run) (batches []event.Batch, err error) {
	single := p.Pipeline(run.Pipeline).From[0]
	err = c.View(ctx, func(tx catalog.Tx) error {
		batches = nil
		g, _, err := GetGeneration(tx, run.Pipeline, run.Generation)
		if err != nil {
			return err
		}
		for _, ref := range run.Batches {
			until := g.LastRetraction[ref.Stream]
			if ref.Stream == "" {
				ref.Stream = single
			}
			b, err := event.GetFolded(tx, p.Stream(ref.Stream), ref.Stream, ref.Batch, until)
			if err != nil {
				return err
			}
			batches = append(batches, b)
		}
		return nil
	})
	return batches, err
}

// DeleteGeneration deletes the documents of a generation and of its runs.
func DeleteGeneration(tx catalog.Tx, g *Generation, runs []Run) error {
	for i := range runs {
		if err := tx.Delete(runKey(runs[i].Ref())); err != nil {
			return err
		}
	}
	return tx.Delete(generationKey(g.Pipeline, g.Generation))
}

// DeleteAll deletes the documents of all generations of a pipeline.
func DeleteAll(tx catalog.Tx, pipeline string) error {
	return deletePrefix(tx, "generation/"+pipeline+"/", "run/"+pipeline+"/", "share/"+pipeline+"/")
}

// deletePrefix deletes all documents whose keys begin with one of the prefixes.
func deletePrefix(tx catalog.Tx, prefixes ...string) error {
	var keys []string
	for _, prefix := range prefixes {
		err := tx.List(prefix, func(key string, _ json.RawMessage) error {
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
