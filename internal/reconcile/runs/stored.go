// The catalog's documents of pipelines: their keys, how they are read, written and deleted, and whether they are complete.

package runs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/fold"
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

// generationPrefix begins the keys of all generations.
const generationPrefix = "generation/"

func generationKey(pipeline string, generation uint64) string {
	return fmt.Sprintf("%s%s/g%04d", generationPrefix, pipeline, generation)
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

// ErrReplaced is returned for a run of a generation that is neither the one that readers see nor the one that a rebuild is making. Its
// batches are the backlog of the other generation, so whoever works on the run stops.
var ErrReplaced = failure.Wrap(failure.Transient, errors.New("a rebuild has replaced the generation of the run"))

// GetOpen is Get for whoever works on the run. A transaction that writes something of a run reads it by GetOpen: after a switch to
// another generation nothing of the run may change.
func GetOpen(tx catalog.Tx, ref Ref) (Run, error) {
	state, known, err := getState(tx, ref.Pipeline)
	if err == nil && known && ref.Generation != state.Generation && ref.Generation != state.Building {
		err = ErrReplaced
	}
	if err != nil {
		return Run{}, err
	}
	return Get(tx, ref)
}

// Watch returns a channel that receives after runs of a pipeline have changed, as catalog.Watcher describes.
func Watch(ctx context.Context, c catalog.Watcher, pipeline string) <-chan struct{} {
	return c.Watch(ctx, "run/"+pipeline+"/")
}

// WatchAll returns a channel that receives after any process has published a run of any pipeline or switched to another generation, as
// catalog.Watcher describes.
func WatchAll(ctx context.Context, c catalog.Watcher) <-chan struct{} {
	return c.Watch(ctx, generationPrefix)
}

// Put stores a run.
func Put(tx catalog.Tx, run *Run) error { return tx.Put(runKey(run.Ref()), run) }

// Find reads one run in its current state.
func Find(ctx context.Context, c catalog.Catalog, ref Ref) (Run, error) {
	return catalog.Read(ctx, c, func(tx catalog.Tx) (Run, error) { return Get(tx, ref) })
}

// FindOpen is GetOpen in a transaction of its own, for whoever executes a step by a plan. It returns a ChangedError if the run is of other
// definitions than the plan: the definitions of this process may have changed since the run was planned, or be those of another folder.
func FindOpen(ctx context.Context, c catalog.Catalog, plan *fold.Plan, ref Ref) (Run, error) {
	return catalog.Read(ctx, c, func(tx catalog.Tx) (Run, error) {
		run, err := GetOpen(tx, ref)
		if err != nil {
			return run, err
		}
		g, found, err := GetGeneration(tx, ref.Pipeline, ref.Generation)
		if err != nil || !found {
			return run, err
		}
		if err = CheckFingerprint(plan, g.Fingerprint); err != nil {
			err = cmp.Or(CheckStreams(tx, plan), err) // a stream that has changed otherwise than by growth is the cause
		}
		return run, err
	})
}

// List lists the runs of a generation with numbers above after, in order.
func List(ctx context.Context, c catalog.Catalog, pipeline string, generation, after uint64) ([]Run, error) {
	runs, err := catalog.Read(ctx, c, func(tx catalog.Tx) ([]Run, error) {
		return catalog.All[Run](tx, runPrefix(pipeline, generation), runKey(Ref{Pipeline: pipeline, Generation: generation, Run: after}))
	})
	if err != nil {
		return nil, fmt.Errorf("list runs of %s: %w", pipeline, err)
	}
	return runs, nil
}

// ListPublished lists the published runs of a generation with numbers above after, in order.
func ListPublished(ctx context.Context, c catalog.Catalog, g *Generation, after uint64) ([]Run, error) {
	list, err := List(ctx, c, g.Pipeline, g.Generation, after)
	return slices.DeleteFunc(list, func(r Run) bool { return r.Run > g.Published }), err
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
func ReadGeneration(ctx context.Context, c catalog.Catalog, ref Ref) (Generation, error) {
	return catalog.Read(ctx, c, func(tx catalog.Tx) (Generation, error) {
		g, _, err := GetGeneration(tx, ref.Pipeline, ref.Generation)
		return g, err
	})
}

// Current reads the generation that readers see; generation 0 for a pipeline that has never run.
func Current(ctx context.Context, c catalog.Catalog, pipeline string) (Generation, error) {
	return catalog.Read(ctx, c, func(tx catalog.Tx) (Generation, error) {
		g := Generation{Pipeline: pipeline}
		state, known, err := getState(tx, pipeline)
		if err == nil && known {
			_, err = tx.Get(generationKey(pipeline, state.Generation), &g)
		}
		return g, err
	})
}

// Generations returns the generation that readers see and the one that a rebuild is making, if they exist.
func Generations(ctx context.Context, c catalog.Catalog, pipeline string) ([]Generation, error) {
	return catalog.Read(ctx, c, func(tx catalog.Tx) (list []Generation, err error) {
		state, _, err := getState(tx, pipeline)
		if err != nil {
			return nil, err
		}
		for _, n := range []uint64{state.Generation, state.Building} {
			g, found, err := GetGeneration(tx, pipeline, n)
			if err != nil {
				return nil, err
			}
			if found {
				list = append(list, g)
			}
		}
		return list, nil
	})
}

// ReadBatches reads the batches of a run as its generation folds them.
func ReadBatches(ctx context.Context, c catalog.Catalog, p *project.Project, run *Run) ([]event.Batch, error) {
	single := p.Pipeline(run.Pipeline).From[0]
	return catalog.Read(ctx, c, func(tx catalog.Tx) (batches []event.Batch, err error) {
		g, _, err := GetGeneration(tx, run.Pipeline, run.Generation)
		if err != nil {
			return nil, err
		}
		for _, ref := range run.Batches {
			stream := cmp.Or(ref.Stream, single)
			b, err := event.GetFolded(tx, p.Stream(stream), stream, ref.Batch, g.LastRetraction[ref.Stream])
			if err != nil {
				return nil, err
			}
			batches = append(batches, b)
		}
		return batches, nil
	})
}

// DeleteGeneration deletes the documents of a generation and of its runs.
func DeleteGeneration(tx catalog.Tx, g *Generation) error {
	if err := deletePrefix(tx, runPrefix(g.Pipeline, g.Generation), fmt.Sprintf("share/%s/g%04d/", g.Pipeline, g.Generation)); err != nil {
		return err
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

// KnownObjects returns the names of all objects that runs have recorded, of all pipelines and generations.
func KnownObjects(ctx context.Context, c catalog.Catalog) (map[string]bool, error) {
	known, err := catalog.Read(ctx, c, func(tx catalog.Tx) (map[string]bool, error) {
		known := map[string]bool{}
		for run, err := range catalog.Documents[Run](tx, "run/", "") {
			if err != nil {
				return nil, err
			}
			for _, step := range run.Steps {
				addObjects(known, step.Shares...)
			}
		}
		for share, err := range catalog.Documents[Share](tx, "share/", "") {
			if err != nil {
				return nil, err
			}
			addObjects(known, share)
		}
		return known, nil
	})
	if err != nil {
		return nil, fmt.Errorf("list objects of runs: %w", err)
	}
	return known, nil
}

func addObjects(known map[string]bool, shares ...Share) {
	for i := range shares {
		for _, o := range shares[i].Objects {
			known[o.Name] = true
		}
	}
}

// CheckComplete returns an error if the documents of a pipeline, which has so many objects, are incomplete: generations or runs
// without the document that names them, or the reverse, or only those of a rebuild that is not complete.
func CheckComplete(ctx context.Context, c catalog.Catalog, pipeline string, objects int) error {
	return c.View(ctx, func(tx catalog.Tx) error {
		state, named, err := getState(tx, pipeline)
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
		if !named && len(found)+objects > 0 {
			return fmt.Errorf("%d generations and %d objects of %s exist, but the catalog does not contain the pipeline", len(found), objects, pipeline)
		}
		g, known, err := GetGeneration(tx, pipeline, state.Generation)
		if err != nil || !known {
			return errors.Join(err, state.Missing(pipeline))
		}
		for number := uint64(1); number <= g.Runs; number++ {
			if _, err := Get(tx, g.RunRef(number)); err != nil {
				return err
			}
		}
		return nil
	})
}
