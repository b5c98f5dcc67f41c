// The backlog of a pipeline, and how its batches are grouped into runs.

package runs

import (
	"maps"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/fold"
)

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

// pop removes a batch from the backlog.
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
