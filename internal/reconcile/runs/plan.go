// Planning of the next run: the oldest unpublished one, or a new one with batches of the backlog.

package runs

import (
	"maps"
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

// PlanNext returns the oldest unpublished run above after, or plans a new one with the oldest batches of the backlog: of the generation
// that a rebuild is making, or else of the one that readers see, which is created if there is none.
func PlanNext(tx catalog.Tx, plan *fold.Plan, after uint64, rebuild bool) (NextResult, error) {
	open := openGeneration
	if rebuild {
		open = generationBeingMade
	}
	g, err := open(tx, plan)
	if err != nil || g == nil {
		return NextResult{}, err
	}
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

// backlog holds the sealed batches of a pipeline's streams that are in no run; the oldest of each stream is loaded.
type backlog struct {
	tx        catalog.Tx
	plan      *fold.Plan
	last      StreamNumbers
	until     StreamNumbers           // by stream: the last batch to include; nil includes all
	retracted StreamNumbers           // by stream: the last retraction that is applied
	heads     map[string]*event.Batch // by stream: the oldest batch; nil if there is none
}

func newBacklog(tx catalog.Tx, plan *fold.Plan, g *Generation) (*backlog, error) {
	b := &backlog{tx: tx, plan: plan, last: StreamNumbers{}, until: g.BuildUntil, retracted: g.LastRetraction, heads: map[string]*event.Batch{}}
	maps.Copy(b.last, g.LastBatch)
	for _, s := range plan.Events.Streams {
		if err := b.loadHead(s.Name); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// loadHead loads the oldest batch of a stream that is in no run.
func (b *backlog) loadHead(stream string) error {
	sealed, err := event.Sealed(b.tx, stream)
	if err != nil {
		return err
	}
	name := refName(b.plan, stream)
	next := b.last[name] + 1
	if b.until != nil {
		sealed = min(sealed, b.until[name])
	}
	b.heads[stream] = nil
	if next > sealed {
		return nil
	}
	batch, err := event.GetFolded(b.tx, b.plan.Events.Stream(stream), stream, next, b.retracted[name])
	b.heads[stream] = &batch
	return err
}

// oldest returns the batch that was sealed first, or nil. Of batches sealed at the same time, that of the first stream.
func (b *backlog) oldest() *event.Batch {
	var first *event.Batch
	for _, s := range b.plan.Events.Streams {
		if head := b.heads[s.Name]; head != nil && (first == nil || head.Sealed.Before(first.Sealed)) {
			first = head
		}
	}
	return first
}

func (b *backlog) pop(batch *event.Batch) (BatchRef, error) {
	ref := BatchRef{refName(b.plan, batch.Stream), batch.Batch}
	b.last[ref.Stream] = ref.Batch
	return ref, b.loadHead(batch.Stream)
}

// lastSealed returns the last sealed batch of each of the pipeline's streams.
func lastSealed(tx catalog.Tx, plan *fold.Plan) (StreamNumbers, error) {
	until := StreamNumbers{}
	for _, s := range plan.Events.Streams {
		sealed, err := event.Sealed(tx, s.Name)
		if err != nil {
			return nil, err
		}
		until[refName(plan, s.Name)] = sealed
	}
	return until, nil
}

// groupBatches adds batches of all streams to a run, oldest first, up to the backlog's limits, and at least one. So of each
// stream everything is included up to the time when its last batch was sealed.
func groupBatches(tx catalog.Tx, plan *fold.Plan, run *Run, g *Generation) (StreamNumbers, error) {
	limits := plan.Pipeline.Backlog
	waiting, err := newBacklog(tx, plan, g)
	if err != nil {
		return nil, err
	}
	for batch := waiting.oldest(); batch != nil; batch = waiting.oldest() {
		full := len(run.Batches) >= limits.MaxBatches || run.Events+batch.Accepted > limits.MaxEvents
		if full && len(run.Batches) > 0 {
			break
		}
		ref, err := waiting.pop(batch)
		if err != nil {
			return nil, err
		}
		run.Batches = append(run.Batches, ref)
		run.Events += batch.Accepted
		if err := addConserved(plan, run.Totals, batch); err != nil {
			return nil, err
		}
	}
	return waiting.last, nil
}
