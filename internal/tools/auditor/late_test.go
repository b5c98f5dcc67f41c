// Attempts of another engine that stand still at one of their transactions while others go on: what they have read of the
// run is out of date when they write.

package auditor

import (
	"context"
	"slices"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/runs"
	"bursar/internal/reconcile/step"
)

// delayedCatalog calls meanwhile ahead of one of its transactions.
type delayedCatalog struct {
	catalog.Catalog
	left      int  // transactions before that one
	updates   bool // only those that write count
	meanwhile func()
}

func (c *delayedCatalog) Update(ctx context.Context, fn func(catalog.Tx) error) error {
	c.delay()
	return c.Catalog.Update(ctx, fn)
}

func (c *delayedCatalog) View(ctx context.Context, fn func(catalog.Tx) error) error {
	if !c.updates {
		c.delay()
	}
	return c.Catalog.View(ctx, fn)
}

func (c *delayedCatalog) delay() {
	if c.left--; c.left == -1 {
		c.meanwhile()
	}
}

// delayed is another engine on the same stores, and its catalog. It is made once, as it compiles the pipeline.
func (s *stage) delayed() (*step.Executor, *delayedCatalog) {
	if s.other == nil {
		e := s.engine
		s.otherCatalog = &delayedCatalog{Catalog: e.Catalog}
		s.other = step.New(&reconcile.Engine{
			Project: e.Project, Objects: e.Objects, Catalog: s.otherCatalog, Index: e.Index,
			Duck: e.Duck, Scratch: e.Scratch, Workers: 1, Now: e.Now, Log: e.Log, Shared: e.Shared,
		})
	}
	return s.other, s.otherCatalog
}

// late has another engine try the next step of a run, or a partition of it, and wait on the way. It may find that its turn
// is over, which the next attempt would not; and what it works on may be gone, once the step is done by another attempt.
func (r *schedule) late(ref runs.Ref, step runs.StepName) bool {
	r.t.Helper()
	often := 32
	if n, flying := r.done[ref.Run-1]; step == "prefetch" && flying && n < 4 { // its state will change
		often = 1
	}
	if r.waiting || !r.steady() || r.damage != nil || r.random.IntN(often) > 0 {
		return false
	}
	engine, delayed := r.delayed()
	if _, err := engine.Plan(r.t.Context(), ref.Pipeline); err != nil {
		r.fatalf("%v", err)
	}
	delayed.left, delayed.updates = r.random.IntN(6), false
	if step == "publish" || r.random.IntN(2) == 0 {
		delayed.left, delayed.updates = 0, true // so that nobody sees a publish that the model does not know
	}
	delayed.meanwhile = func() { r.overtake(ref, step) }
	r.waiting, r.lagged = true, true
	whole := !step.Partitioned() || r.random.IntN(2) == 0
	var err error
	if whole {
		_, err = engine.Step(r.t.Context(), ref, step)
	} else {
		_, err = engine.Partition(r.t.Context(), ref, step, r.random.IntN(max(1, r.c.Pipeline.Partitions)))
	}
	r.waiting = false
	count("late attempts at %s", step)
	switch {
	case err != nil && failure.Of(err) != failure.Transient && !r.recorded(ref, step):
		r.fatalf("a late attempt at %s of run %d: %v", step, ref.Run, err)
	case err != nil:
		r.sync()
	case whole && r.done[ref.Run] == slices.Index(runs.StepNames, step):
		r.taken(ref, step)
	}
	return true
}

// overtake goes on while an attempt at a step waits. Often another attempt takes the step or begins it, then the runs before
// are indexed: the state that a prefetch is of has changed between the two.
func (r *schedule) overtake(ref runs.Ref, step runs.StepName) {
	r.t.Helper()
	if step.Partitioned() && r.random.IntN(4) > 0 {
		if r.random.IntN(2) == 0 {
			r.take(ref, step)
		} else {
			r.partitions(ref, step)
		}
		for before := max(ref.Run, 3) - 2; before < ref.Run; before++ {
			for n, flying := r.done[before]; flying && n < 4; n, flying = r.done[before] {
				r.take(runs.Ref{Pipeline: ref.Pipeline, Generation: ref.Generation, Run: before}, runs.StepNames[n])
			}
		}
	}
	for range r.random.IntN(6) {
		r.move()
	}
}

// recorded reports whether a step is done.
func (r *schedule) recorded(ref runs.Ref, step runs.StepName) bool {
	r.t.Helper()
	_, done := r.runs(ref.Generation)[ref.Run-1].Steps[step]
	return done
}
