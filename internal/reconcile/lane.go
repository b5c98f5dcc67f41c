package reconcile

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/fold"
)

// MaxInFlight is how many runs of a pipeline are under way at a time: one in each of the three lanes prefetch, merge and
// index, each of which was reduced ahead of its turn. More make the index lag further behind, and gain nothing.
const MaxInFlight = 3

// inLane says whether a step is taken strictly in order of runs. A reduce knows nothing of other runs.
func inLane(step string) bool { return step != "reduce" }

// errOutOfTurn is what a step returns whose run is not next in its lane.
var errOutOfTurn = errors.New("the run before has not passed this step")

// inTurn holds steps to the order of their lanes: a prefetch, merge, index or publish follows that of the run before. And it
// fixes what a prefetch is of: the state as of the last run that is indexed by then. Another attempt brings that same
// state, although more runs may be indexed meanwhile (rule 5).
func (e *Engine) inTurn(ctx context.Context, plan *fold.Plan, run *Run, step string) error {
	if !inLane(step) {
		return nil
	}
	if step != "prefetch" {
		err := e.Catalog.View(ctx, func(tx catalog.Tx) error { return follows(tx, run, step) })
		if err != nil || step != "index" {
			return err
		}
		// The entries of this run would hide that those of the run before are gone.
		return e.checkLoaded(ctx, plan, run.space(), run.Run-1)
	}
	var asOf uint64
	err := e.Catalog.Update(ctx, func(tx catalog.Tx) (err error) {
		asOf, err = fixAsOf(tx, run.ref())
		return err
	})
	if err != nil {
		return err
	}
	run.AsOf = &asOf
	return e.checkLoaded(ctx, plan, run.space(), asOf)
}

// fixAsOf returns what a run's prefetch is of, and decides it if no attempt and no partition has. The stored run decides,
// not a copy that was read earlier: partitions start at different times, and more runs may be indexed between.
func fixAsOf(tx catalog.Tx, ref RunRef) (uint64, error) {
	run, err := getRun(tx, ref)
	if err != nil {
		return 0, err
	}
	if run.AsOf != nil {
		return *run.AsOf, nil
	}
	if err := follows(tx, &run, "prefetch"); err != nil {
		return 0, err
	}
	indexed, err := lastIndexed(tx, &run)
	if err != nil {
		return 0, err
	}
	run.AsOf = &indexed
	return indexed, tx.Put(runKey(ref), run)
}

// follows returns errOutOfTurn unless the run before, if it is not published, has done the step.
func follows(tx catalog.Tx, run *Run, step string) error {
	if run.Run == 1 {
		return nil
	}
	before, err := getRun(tx, RunRef{run.Pipeline, run.Generation, run.Run - 1})
	if err != nil {
		return err
	}
	if _, done := before.Steps[step]; !done {
		return outOfTurn(&before)
	}
	return nil
}

func outOfTurn(before *Run) error {
	return failure.Wrap(failure.Transient, fmt.Errorf("%w: run %d", errOutOfTurn, before.Run))
}

// lastIndexed is the newest run before this one whose entries are in the index.
func lastIndexed(tx catalog.Tx, run *Run) (uint64, error) {
	for n := run.Run - 1; n > 0; n-- {
		before, err := getRun(tx, RunRef{run.Pipeline, run.Generation, n})
		if err != nil {
			return 0, err
		}
		if _, done := before.Steps["index"]; done {
			return n, nil
		}
	}
	return 0, nil
}

// pendingRuns are the runs before this one that its state does not know of, newest first: merged, but not indexed when
// prefetch began. One that starts again from the events has no parts, and is waited for.
func (e *Engine) pendingRuns(ctx context.Context, run *Run) (pending []Run, err error) {
	err = e.Catalog.View(ctx, func(tx catalog.Tx) error {
		pending = nil
		for n := run.Run - 1; n > *run.AsOf; n-- {
			before, err := getRun(tx, RunRef{run.Pipeline, run.Generation, n})
			if err != nil {
				return err
			}
			if _, done := before.Steps["merge"]; !done {
				return outOfTurn(&before)
			}
			pending = append(pending, before)
		}
		return nil
	})
	return pending, err
}
