// Package rebuild folds all events of a pipeline into a new generation, switches readers to it, and removes the old one (rule 9).
// Until the switch readers see the old generation. It must not execute the runs itself: the caller does.
package rebuild

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/fold"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/query"
	"bursar/internal/reconcile/runs"
)

// Rebuilder makes new generations of pipelines and removes old ones.
type Rebuilder struct {
	*reconcile.Engine
	reader *query.Reader
}

// New returns a rebuilder. It removes nothing that the reader reads.
func New(reader *query.Reader) *Rebuilder { return &Rebuilder{reader.Engine, reader} }

// Result is the result of a rebuild. The digests are those of an export before and after.
type Result struct {
	Pipeline     string `json:"pipeline"`
	Generation   uint64 `json:"generation"`
	DigestBefore string `json:"digest_before"` // empty if the pipeline had changed, never run, or was damaged
	DigestAfter  string `json:"digest_after"`
	Runs         uint64 `json:"runs"`
	Rows         int64  `json:"rows"`

	// Added and Retracted explain why the digests may differ although the pipeline has not changed: batches that the previous
	// generation had not folded, and retractions made or undone since. They are 0 and false without a digest before.
	Added     int  `json:"batches_added"`
	Retracted bool `json:"retracted"`
}

// Rebuild folds all batches sealed so far into the next generation and switches to it (rule 9). drain executes the runs of the
// generation being made, which Next plans. Readers see the old generation until the switch. An interrupted rebuild is
// resumed, unless the pipeline has changed again since, or what it left is damaged.
func (e *Rebuilder) Rebuild(ctx context.Context, pipeline string, drain func(ctx context.Context) error) (Result, error) {
	plan, err := e.Plan(ctx, pipeline)
	if err != nil {
		return Result{}, err
	}
	old, err := e.reader.Current(ctx, pipeline)
	if err != nil {
		return Result{}, err
	}
	out := Result{Pipeline: pipeline}
	if out.DigestBefore, err = e.digestBefore(ctx, plan, &old); err != nil {
		return out, err
	}
	made, after, err := e.build(ctx, plan, drain)
	if err != nil {
		return out, fmt.Errorf("rebuild %s: %w", pipeline, err)
	}
	g, err := e.switchTo(ctx, plan, made.RunRef(0), drain)
	if err != nil {
		return out, fmt.Errorf("swap generation of %s: %w", pipeline, err)
	}
	if g.Published > made.Published { // what was added since it was read
		if after, err = e.reader.Digest(ctx, plan, &g); err != nil {
			return out, err
		}
	}
	out.Generation, out.Runs, out.DigestAfter, out.Rows = g.Generation, g.Published, after.Digest, after.Rows
	if out.DigestBefore != "" {
		out.Retracted = !maps.Equal(old.LastRetraction, g.LastRetraction)
		if out.Added, err = e.newBatches(ctx, &old, &g); err != nil {
			return out, err
		}
	}
	return out, e.removeBefore(ctx, &g)
}

// newBatches counts the batches in the published runs of generation made that are in none of generation old.
func (e *Rebuilder) newBatches(ctx context.Context, old, made *runs.Generation) (n int, err error) {
	folded := map[runs.BatchRef]bool{}
	for _, g := range []*runs.Generation{old, made} {
		list, err := runs.ListPublished(ctx, e.Catalog, g, 0)
		if err != nil {
			return 0, err
		}
		for i := range list {
			for _, batch := range list[i].Batches {
				if g == old {
					folded[batch] = true
				} else if !folded[batch] {
					n++
				}
			}
		}
	}
	return n, nil
}

// build makes the next generation and reads all of it. If an interrupted rebuild turns out to be damaged, its generation is
// discarded, once, for a new one.
func (e *Rebuilder) build(ctx context.Context, plan *fold.Plan, drain func(ctx context.Context) error) (g runs.Generation, made query.Exported, err error) {
	for discard := uint64(0); ; {
		ref, resumed, err := e.begin(ctx, plan, discard)
		if err != nil {
			return g, made, err
		}
		if err = drain(ctx); err == nil {
			g, err = runs.ReadGeneration(ctx, e.Catalog, ref)
		}
		if err == nil {
			made, err = e.reader.Digest(ctx, plan, &g)
		}
		if err == nil || ctx.Err() != nil {
			return g, made, err
		}
		if other := e.Catalog.View(ctx, func(tx catalog.Tx) error { return runs.CheckBuilding(tx, ref) }); other != nil {
			return g, made, other
		}
		if !resumed || !e.causedByGeneration(ctx, ref, err) {
			return g, made, err
		}
		e.Log.Warn("cannot resume the interrupted rebuild; starting a new one", "pipeline", ref.Pipeline, "error", err)
		discard = ref.Generation
	}
}

// maxCatchUps is how often a rebuild follows batches that other processes publish before it can switch.
const maxCatchUps = 20

// switchTo makes the new generation the one that readers see. Batches that were published in the old one meanwhile are folded first.
func (e *Rebuilder) switchTo(ctx context.Context, plan *fold.Plan, ref runs.Ref, drain func(ctx context.Context) error) (g runs.Generation, err error) {
	for range maxCatchUps {
		err = e.Catalog.Update(ctx, func(tx catalog.Tx) (err error) {
			if g, err = runs.SwitchTo(tx, plan, ref); err == nil && e.Shared {
				err = runs.DropBefore(tx, g.Pipeline, g.Generation, e.Now())
			}
			return err
		})
		if !errors.Is(err, runs.ErrBehind) {
			return g, err
		}
		err = e.Catalog.Update(ctx, func(tx catalog.Tx) error { return runs.ExtendRebuild(tx, plan, ref.Generation) })
		if err == nil {
			err = drain(ctx)
		}
		if err != nil {
			return g, err
		}
	}
	return g, runs.ErrBehind
}

// causedByGeneration reports whether an error may be caused by the generation being made, and not by events or definitions, with
// which any other generation would fail too.
func (e *Rebuilder) causedByGeneration(ctx context.Context, ref runs.Ref, err error) bool {
	if failure.Of(err) != failure.Data {
		return false
	}
	g, err := runs.ReadGeneration(ctx, e.Catalog, ref)
	if err != nil {
		return true
	}
	stopped, err := runs.Find(ctx, e.Catalog, g.RunRef(g.Published+1))
	if err != nil || stopped.Trouble == nil {
		return true
	}
	return stopped.Trouble.Step != runs.StepReduce && stopped.Trouble.Key == nil
}

// digestBefore returns the digest of the artifacts that readers see, empty if they are of another definition or cannot be read:
// a rebuild is the way to repair damage.
func (e *Rebuilder) digestBefore(ctx context.Context, plan *fold.Plan, old *runs.Generation) (string, error) {
	if same := runs.CheckFingerprint(plan, old.Fingerprint) == nil; old.Published == 0 || !same {
		return "", nil
	}
	before, err := e.reader.Digest(ctx, plan, old)
	if ctx.Err() != nil {
		return "", err
	}
	if err != nil {
		e.Log.Warn("cannot read the artifacts that the rebuild will replace", "pipeline", plan.Pipeline.Name, "error", err)
	}
	return before.Digest, nil
}

// begin resumes or creates the generation being made. One that is discarded is removed.
func (e *Rebuilder) begin(ctx context.Context, plan *fold.Plan, discard uint64) (ref runs.Ref, resumed bool, err error) {
	if err := runs.PrepareNext(ctx, e.Catalog, plan.Pipeline.Name, e.PrepareNext); err != nil {
		return ref, false, err
	}
	var g, discarded *runs.Generation
	err = e.Catalog.Update(ctx, func(tx catalog.Tx) (err error) {
		g, discarded, resumed, err = runs.BeginRebuild(tx, plan, discard)
		if err == nil && discarded != nil && e.Shared {
			err = runs.Drop(tx, discarded.Pipeline, discarded.Generation, e.Now())
		}
		return err
	})
	if err == nil && discarded != nil && !e.Shared {
		err = e.drop(ctx, discarded)
	}
	if err != nil {
		return ref, false, err
	}
	return g.RunRef(0), resumed, nil
}

// removeBefore removes the generations before the one that readers see. If a damaged index prevents the removal, it is left to a later
// rebuild: nobody reads the old generation. In a shared project others may read it: then it is removed by Sweep.
func (e *Rebuilder) removeBefore(ctx context.Context, g *runs.Generation) error {
	if e.Shared {
		return e.Sweep(ctx)
	}
	for n := uint64(1); n < g.Generation; n++ {
		err := e.drop(ctx, &runs.Generation{Pipeline: g.Pipeline, Generation: n})
		if errors.Is(err, artifact.ErrIndexDamaged) {
			e.Log.Warn("the rebuild is complete, but the old generation cannot be removed", "pipeline", g.Pipeline, "generation", n, "error", err)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Sweep removes the generations of a shared project that were replaced ten minutes ago or earlier (DESIGN §8).
func (e *Rebuilder) Sweep(ctx context.Context) error {
	now := e.Now()
	due, err := runs.DueDrops(ctx, e.Catalog, now)
	if err != nil {
		return fmt.Errorf("list replaced generations: %w", err)
	}
	for i := range due {
		if err := e.removeFiles(ctx, due[i].Space()); err != nil {
			return err
		}
		if err := e.Catalog.Update(ctx, func(tx catalog.Tx) error { return runs.RemoveDropped(tx, &due[i], now) }); err != nil {
			return err
		}
	}
	return nil
}

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

// drop removes everything of a generation, which can be derived again (rule 9).
func (e *Rebuilder) drop(ctx context.Context, g *runs.Generation) error {
	if err := e.removeFiles(ctx, g.Space()); err != nil {
		return err
	}
	return e.Catalog.Update(ctx, func(tx catalog.Tx) error { return runs.DeleteGeneration(tx, g) })
}

// removeFiles removes the index entries and objects of a generation. It waits for its readers in this process.
func (e *Rebuilder) removeFiles(ctx context.Context, space artifact.Space) error {
	if err := e.reader.AwaitNoReaders(ctx, space); err != nil {
		return err
	}
	if err := e.Index.Drop(ctx, space); err != nil {
		return fmt.Errorf("drop generation %d of %s: %w", space.Generation, space.Pipeline, err)
	}
	return e.DeleteObjects(ctx, artifact.SpacePrefix(space))
}
