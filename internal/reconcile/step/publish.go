// The step publish: moves the watermark, so that readers see the run.

package step

import (
	"context"
	"fmt"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/object"
	"bursar/internal/reconcile/runs"
)

// publish moves the watermark of the generation over the run.
func publish(tx catalog.Tx, run *runs.Run, batches []event.Batch, streams int) error {
	g, _, err := runs.GetGeneration(tx, run.Pipeline, run.Generation)
	if err != nil {
		return err
	}
	if g.Published+1 != run.Run {
		return fmt.Errorf("bug: run %d cannot be published after run %d", run.Run, g.Published)
	}
	events, err := publishedEvents(tx, &g)
	if err != nil {
		return err
	}
	events += run.KeyedEvents()
	g.Published, g.Artifacts, g.Events = run.Run, g.Artifacts+run.Created, &events
	if run.FoldCounts != nil {
		if g.FoldCounts == nil {
			g.FoldCounts = &runs.FoldCounts{}
		}
		g.FoldCounts.Add(run.FoldCounts)
	}
	for stream, own := range run.Unkeyed {
		if g.Unkeyed == nil {
			g.Unkeyed = map[string]int64{}
		}
		g.Unkeyed[stream] += own.Events
	}
	g.Include(run.Batches, batches, streams)
	return runs.PutGeneration(tx, &g)
}

// publishedEvents returns how many events the published runs of a generation folded. Generations of older versions do not
// record the number; then it is summed over the runs.
func publishedEvents(tx catalog.Tx, g *runs.Generation) (events int64, err error) {
	if g.Events != nil {
		return *g.Events, nil
	}
	for n := uint64(1); n <= g.Published; n++ {
		run, err := runs.Get(tx, g.RunRef(n))
		if err != nil {
			return 0, err
		}
		events += run.KeyedEvents()
	}
	return events, nil
}

// removeIntermediates deletes the deltas and states of a run, and of the run before, whose process may have died before it did
// so (rule 9).
func (e *Executor) removeIntermediates(ctx context.Context, run *runs.Run) error {
	done := []runs.Run{*run}
	if run.Run > 1 {
		before, err := runs.Find(ctx, e.Catalog, run.Ref().Of(run.Run-1))
		if err != nil {
			return err
		}
		done = append(done, before)
	}
	for i := range done {
		if err := e.deleteObjects(ctx, append(done[i].StepObjects(runs.StepReduce), done[i].StepObjects(runs.StepPrefetch)...)); err != nil {
			return err
		}
	}
	return nil
}

func (e *Executor) deleteObjects(ctx context.Context, objects []object.Description) error {
	for _, o := range objects {
		if err := e.Objects.Delete(ctx, o.Name); err != nil {
			return err
		}
	}
	return nil
}
