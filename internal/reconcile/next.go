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

// Next returns the pipeline's oldest run numbered above after that is not published yet, or fixes the batches of a new
// one, unless there is no backlog. With after, the last run in flight, runs follow each other before the first is
// published.
func (e *Engine) Next(ctx context.Context, pipeline string, after uint64) (next NextResult, err error) {
	plan, err := e.Plan(ctx, pipeline)
	if err != nil {
		return next, err
	}
	if err := e.clearFirst(ctx, pipeline); err != nil {
		return next, err
	}
	err = e.planning(ctx, plan, func(tx catalog.Tx) error {
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

// checkStreams refuses a pipeline over a stream whose events were taken in by another declaration: they cannot be read by this
// one, or would make other figures.
func checkStreams(tx catalog.Tx, plan *fold.Plan) error {
	for _, s := range plan.Events.Streams {
		if err := event.CheckGrowthIn(tx, s); err != nil {
			return err
		}
	}
	return nil
}

// planning is an Update that plans a run. A batch that was sealed without a total which the pipeline conserves gets it
// first: it is computed from the events, outside of the transaction.
func (e *Engine) planning(ctx context.Context, plan *fold.Plan, fn func(tx catalog.Tx) error) error {
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

// openGeneration reads the current generation, or makes the first.
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
		if err := g.leaveOut(tx, plan); err != nil {
			return nil, err
		}
		return g, tx.Put(generationKey(name, 1), g)
	}
	var g Generation
	found, err := tx.Get(generationKey(name, state.Generation), &g)
	if err == nil && !found {
		err = state.absent(name)
	}
	if err != nil {
		return nil, err
	}
	if err := checkCurrent(tx, plan, &g); err != nil {
		return nil, err
	}
	return &g, g.leaveOut(tx, plan)
}

// checkFingerprint refuses a pipeline that is not the one its generation was built with.
func checkFingerprint(plan *fold.Plan, built map[string]string) error {
	now := plan.Fingerprint()
	var changed []string
	for what, digest := range now {
		was, printed := built[what]
		if was != digest && (printed || what != fold.ConservePrint) {
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

// Changed says what of a pipeline is declared in another way than when its artifacts were made, and what of its events is retracted
// since: it has to be rebuilt. It is nil where nothing is, or nothing was made yet.
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

// ChangedError says that a pipeline is declared in another way than when its artifacts were made, or that events of them are
// retracted since. Class Data.
type ChangedError struct {
	Pipeline string
	Changed  []string // what of it
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("pipeline %s has changed (%s) since its artifacts were made: run `bursar rebuild %s`",
		e.Pipeline, strings.Join(e.Changed, ", "), e.Pipeline)
}

// Class is Data: it stays so until the pipeline is rebuilt, or put back.
func (e *ChangedError) Class() failure.Class { return failure.Data }

// sumAgain brings the totals of a run that no step was done of to the totals that its batches have as they are declared now.
func sumAgain(tx catalog.Tx, plan *fold.Plan, g *Generation, run *Run) error {
	totals := event.Totals{}
	for _, ref := range run.Batches {
		stream := plan.Events.Streams[0]
		if ref.Stream != "" {
			stream = plan.Events.Stream(ref.Stream)
		}
		batch, err := event.GetFolded(tx, stream, stream.Name, ref.Batch, g.Retracted[ref.Stream])
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

// nextRun finds the oldest unpublished run above after, or groups the oldest batches of the backlog into a new one.
func nextRun(tx catalog.Tx, plan *fold.Plan, g *Generation, after uint64) (NextResult, error) {
	if after = max(after, g.Published); g.Runs > after {
		run, err := getRun(tx, RunRef{g.Pipeline, g.Generation, after + 1})
		if err == nil && len(run.Steps) == 0 {
			err = sumAgain(tx, plan, g, &run)
		}
		return NextResult{Ref: run.ref(), Backlog: true, Partitions: run.Partitions}, err
	}
	run := Run{Pipeline: g.Pipeline, Generation: g.Generation, Run: g.Runs + 1, Totals: event.Totals{}, Partitions: plan.Pipeline.Partitions, Split: splitByMD5, Steps: map[string]StepRecord{}}
	taken, err := group(tx, plan, &run, g)
	if err != nil || len(run.Batches) == 0 {
		return NextResult{}, err
	}
	g.Runs, g.Taken = run.Run, taken
	if err := tx.Put(runKey(run.ref()), run); err != nil {
		return NextResult{}, err
	}
	return NextResult{Ref: run.ref(), Backlog: true, Partitions: run.Partitions}, tx.Put(generationKey(g.Pipeline, g.Generation), g)
}
