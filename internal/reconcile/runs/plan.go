// Planning of the next run: the oldest unpublished one, or a new one with batches of the backlog.

package runs

import (
	"fmt"
	"reflect"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/fold"
)

// NextResult is a pipeline's next run; Backlog is false if there is none.
type NextResult struct {
	Ref        Ref  `json:"ref"`
	Backlog    bool `json:"backlog"`
	Partitions int  `json:"partitions,omitempty"`
}

// PlanNext returns the next run above after of the generation that readers see, which it creates if there is none.
func PlanNext(tx catalog.Tx, plan *fold.Plan, after uint64) (NextResult, error) {
	g, err := openGeneration(tx, plan)
	if err != nil {
		return NextResult{}, err
	}
	return nextRun(tx, plan, g, after)
}

// PlanNextOfRebuild returns the next run above after of the generation that a rebuild is making.
func PlanNextOfRebuild(tx catalog.Tx, plan *fold.Plan, after uint64) (NextResult, error) {
	name := plan.Pipeline.Name
	state, _, err := getState(tx, name)
	if err != nil {
		return NextResult{}, err
	}
	g, found, err := GetGeneration(tx, name, state.Building)
	if err == nil && !found {
		err = fmt.Errorf("bug: no rebuild of %s has begun", name)
	}
	if err != nil {
		return NextResult{}, err
	}
	return nextRun(tx, plan, &g, after)
}

// nextRun finds the oldest unpublished run above after, or plans a new one with the oldest batches of the backlog.
func nextRun(tx catalog.Tx, plan *fold.Plan, g *Generation, after uint64) (NextResult, error) {
	if after = max(after, g.Published); g.Runs > after {
		run, err := Get(tx, g.RunRef(after+1))
		if err == nil && len(run.Steps) == 0 {
			err = refreshTotals(tx, plan, g, &run)
		}
		return NextResult{Ref: run.Ref(), Backlog: true, Partitions: run.Partitions}, err
	}
	run := Run{Pipeline: g.Pipeline, Generation: g.Generation, Run: g.Runs + 1, Totals: event.Totals{}, Partitions: plan.Pipeline.Partitions, Split: SplitByMD5, Steps: map[StepName]StepRecord{}}
	last, err := groupBatches(tx, plan, &run, g)
	if err != nil || len(run.Batches) == 0 {
		return NextResult{}, err
	}
	g.Runs, g.LastBatch = run.Run, last
	if err := Put(tx, &run); err != nil {
		return NextResult{}, err
	}
	return NextResult{Ref: run.Ref(), Backlog: true, Partitions: run.Partitions}, PutGeneration(tx, g)
}

// refreshTotals sets the totals of a run without a completed step to those that its batches have by the current definitions.
func refreshTotals(tx catalog.Tx, plan *fold.Plan, g *Generation, run *Run) error {
	totals := event.Totals{}
	for _, ref := range run.Batches {
		stream := plan.Events.Streams[0]
		if ref.Stream != "" {
			stream = plan.Events.Stream(ref.Stream)
		}
		batch, err := event.GetFolded(tx, stream, stream.Name, ref.Batch, g.LastRetraction[ref.Stream])
		if err == nil {
			err = addConserved(plan, totals, &batch)
		}
		if err != nil {
			return err
		}
	}
	if reflect.DeepEqual(totals, run.Totals) {
		return nil
	}
	run.Totals = totals
	return Put(tx, run)
}
