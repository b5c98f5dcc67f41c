// Planning of runs: which batches the next run folds, and whether the pipeline may run at all.

package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/fold"
)

// Next returns the oldest unpublished run with a number above after. If there is none it plans a new run with batches of the
// backlog; an empty backlog gives no run. after is the last run in flight, so runs can follow each other before the first
// is published.
func (e *Engine) Next(ctx context.Context, pipeline string, after uint64) (next NextResult, err error) {
	plan, err := e.Plan(ctx, pipeline)
	if err != nil {
		return next, err
	}
	if err := e.clearFirstGeneration(ctx, pipeline); err != nil {
		return next, err
	}
	err = e.updatePlan(ctx, plan, func(tx catalog.Tx) error {
		generation, err := openGeneration(tx, plan)
		if err != nil {
			return err
		}
		next, err = nextRun(tx, plan, generation, after)
		return err
	})
	if err != nil {
		return NextResult{}, fmt.Errorf("plan run of %s: %w", pipeline, err)
	}
	return next, nil
}

// checkStreams rejects a pipeline over a stream whose events were ingested with another definition: they cannot be read with
// the current one, or would give other results.
func checkStreams(tx catalog.Tx, plan *fold.Plan) error {
	for _, s := range plan.Events.Streams {
		if err := event.CheckGrowthIn(tx, s); err != nil {
			return err
		}
	}
	return nil
}

// updatePlan runs fn, which plans a run, in an Update. If a batch was sealed without a total that the pipeline conserves, the
// total is first computed from the events, outside of the transaction.
func (e *Engine) updatePlan(ctx context.Context, plan *fold.Plan, fn func(tx catalog.Tx) error) error {
	for {
		err := e.Catalog.Update(ctx, func(tx catalog.Tx) error {
			if err := checkStreams(tx, plan); err != nil {
				return err
			}
			return fn(tx)
		})
		batch, lacks := event.AsMissingTotals(err)
		if !lacks {
			return err
		}
		if err := e.computeTotals(ctx, plan, batch); err != nil {
			return err
		}
	}
}

func (e *Engine) computeTotals(ctx context.Context, plan *fold.Plan, batch event.Batch) error {
	session, err := e.session()
	if err != nil {
		return err
	}
	defer session.Close()
	return event.ComputeTotals(ctx, e.Catalog, e.Objects, e.Objects, session, plan.Events.Stream(batch.Stream), batch)
}

// openGeneration reads the current generation, or creates the first.
func openGeneration(tx catalog.Tx, plan *fold.Plan) (*Generation, error) {
	name := plan.Pipeline.Name
	var state pipelineState
	known, err := tx.Get(pipelineKey(name), &state)
	if err != nil {
		return nil, err
	}
	if !known {
		state.Generation = 1
		g := &Generation{Pipeline: name, Generation: 1, Fingerprint: plan.Fingerprint()}
		if err := tx.Put(pipelineKey(name), state); err != nil {
			return nil, err
		}
		if err := g.excludeRetracted(tx, plan); err != nil {
			return nil, err
		}
		return g, tx.Put(generationKey(name, 1), g)
	}
	var g Generation
	found, err := tx.Get(generationKey(name, state.Generation), &g)
	if err == nil && !found {
		err = state.missing(name)
	}
	if err != nil {
		return nil, err
	}
	if err := checkCurrent(tx, plan, &g); err != nil {
		return nil, err
	}
	return &g, g.excludeRetracted(tx, plan)
}

// checkFingerprint returns a ChangedError if the pipeline is not the one that the generation was built with.
func checkFingerprint(plan *fold.Plan, built map[string]string) error {
	now := plan.Fingerprint()
	var changed []string
	for what, digest := range now {
		was, printed := built[what]
		if was != digest && (printed || what != fold.ConserveFingerprint) {
			changed = append(changed, what)
		}
	}
	for what := range built {
		if now[what] == "" {
			changed = append(changed, what)
		}
	}
	if len(changed) == 0 || maps.Equal(now, built) {
		return nil
	}
	slices.Sort(changed)
	return &ChangedError{plan.Pipeline.Name, changed}
}

// Changed lists the definitions of a pipeline that changed, and the events that were retracted, since its artifacts were made:
// the pipeline must be rebuilt. It is nil if nothing changed or no artifacts exist yet.
func (e *Engine) Changed(ctx context.Context, pipeline string) ([]string, error) {
	g, err := e.Current(ctx, pipeline)
	if err != nil || g.Generation == 0 {
		return nil, err
	}
	plan, err := e.Plan(ctx, pipeline)
	if err != nil {
		return nil, err
	}
	err = e.checkCurrent(ctx, plan, &g)
	if changed := (*ChangedError)(nil); errors.As(err, &changed) {
		return changed.Changed, nil
	}
	return nil, err
}

// ChangedError reports that the definition of a pipeline changed since its artifacts were made, or that events of them were
// retracted since. Class Data.
type ChangedError struct {
	Pipeline string
	Changed  []string // names of definitions, or descriptions of retractions
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("pipeline %s has changed (%s) since its artifacts were made: run `bursar rebuild %s`",
		e.Pipeline, strings.Join(e.Changed, ", "), e.Pipeline)
}

// Class is Data: it stays so until the pipeline is rebuilt or its definition is restored.
func (e *ChangedError) Class() failure.Class { return failure.Data }

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
	return tx.Put(runKey(run.ref()), run)
}

// nextRun finds the oldest unpublished run above after, or plans a new one with the oldest batches of the backlog.
func nextRun(tx catalog.Tx, plan *fold.Plan, g *Generation, after uint64) (NextResult, error) {
	if after = max(after, g.Published); g.Runs > after {
		run, err := getRun(tx, RunRef{g.Pipeline, g.Generation, after + 1})
		if err == nil && len(run.Steps) == 0 {
			err = refreshTotals(tx, plan, g, &run)
		}
		return NextResult{Ref: run.ref(), Backlog: true, Partitions: run.Partitions}, err
	}
	run := Run{Pipeline: g.Pipeline, Generation: g.Generation, Run: g.Runs + 1, Totals: event.Totals{}, Partitions: plan.Pipeline.Partitions, Split: splitByMD5, Steps: map[StepName]StepRecord{}}
	last, err := groupBatches(tx, plan, &run, g)
	if err != nil || len(run.Batches) == 0 {
		return NextResult{}, err
	}
	g.Runs, g.LastBatch = run.Run, last
	if err := tx.Put(runKey(run.ref()), run); err != nil {
		return NextResult{}, err
	}
	return NextResult{Ref: run.ref(), Backlog: true, Partitions: run.Partitions}, tx.Put(generationKey(g.Pipeline, g.Generation), g)
}
