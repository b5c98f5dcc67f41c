// The backlog of a pipeline, and how its batches are grouped into runs.

package reconcile

import (
	"encoding/json"
	"maps"
	"slices"

	"bursar/internal/catalog"
	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/fold"
)

// BatchRef names a batch of a run. Stream is empty if the pipeline folds only one stream.
type BatchRef struct {
	Stream string `json:"stream"`
	Batch  uint64 `json:"batch"`
}

// MarshalJSON writes a batch of the only stream as a number.
func (r BatchRef) MarshalJSON() ([]byte, error) {
	if r.Stream == "" {
		return json.Marshal(r.Batch)
	}
	type plain BatchRef
	return json.Marshal(plain(r))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *BatchRef) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] != '{' {
		return json.Unmarshal(text, &r.Batch)
	}
	type plain BatchRef
	return json.Unmarshal(text, (*plain)(r))
}

// StreamNumbers holds a number for each stream, of its last batch or retraction. Streams are named as in BatchRef.
type StreamNumbers map[string]uint64

// MarshalJSON writes the number of the only stream as a plain number, and an empty map as 0.
func (t StreamNumbers) MarshalJSON() ([]byte, error) {
	if n, only := t[""]; only || len(t) == 0 {
		return json.Marshal(n)
	}
	return json.Marshal(map[string]uint64(t))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (t *StreamNumbers) UnmarshalJSON(text []byte) error {
	*t = StreamNumbers{}
	if len(text) > 0 && text[0] == '{' {
		return json.Unmarshal(text, (*map[string]uint64)(t))
	}
	var n uint64
	if err := json.Unmarshal(text, &n); err != nil || n == 0 {
		return err
	}
	(*t)[""] = n
	return nil
}

// before returns the numbers as they were before runs included these batches.
func (t StreamNumbers) before(batches []BatchRef) StreamNumbers {
	out := maps.Clone(t)
	for _, b := range batches {
		out[b.Stream] = min(out[b.Stream], b.Batch-1)
	}
	return out
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

// batchRef names a batch as runs do.
func (b *backlog) batchRef(batch *event.Batch) BatchRef {
	if b.plan.Events.Several() {
		return BatchRef{batch.Stream, batch.Batch}
	}
	return BatchRef{"", batch.Batch}
}

// loadHead loads the oldest batch of a stream that is in no run.
func (b *backlog) loadHead(stream string) error {
	sealed, err := event.Sealed(b.tx, stream)
	if err != nil {
		return err
	}
	name := b.batchRef(&event.Batch{Stream: stream}).Stream
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
	ref := b.batchRef(batch)
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

// addConserved adds those totals of a batch that the pipeline conserves. If the batch lacks them the error is *event.ErrNoTotals.
func addConserved(plan *fold.Plan, totals event.Totals, batch *event.Batch) error {
	if !batch.HasTotals(plan.Events.Stream(batch.Stream), conservedNames(plan, batch.Stream)) {
		return &event.MissingTotalsError{Batch: *batch}
	}
	return totals.Add(conservedTotals(plan, batch))
}

// conservedTotals returns the totals of a batch that the pipeline conserves, at the scales of its key and artifacts.
func conservedTotals(plan *fold.Plan, b *event.Batch) event.Totals {
	return conservedIn(plan, b.TotalsNow(plan.Events.Stream(b.Stream)))
}

// conservedIn returns those totals of a stream that the pipeline conserves.
func conservedIn(plan *fold.Plan, totals event.Totals) event.Totals {
	kept := event.Totals{}
	for _, c := range plan.Conserve {
		kept[c.Total] = map[string]string{}
		for group, sum := range totals[c.Total] {
			if c.Group >= 0 && plan.Key[c.Group].Type.Kind == column.Decimal {
				group = column.Rescale(group, plan.Key[c.Group].Type.Scale)
			}
			kept[c.Total][group] = sum
		}
	}
	return kept
}

// conservedNames lists the totals of a stream that the pipeline conserves.
func conservedNames(plan *fold.Plan, stream string) (names []string) {
	for _, c := range plan.Conserve {
		if plan.Events.Stream(stream).Total(c.Total) != nil {
			names = append(names, c.Total)
		}
	}
	return names
}

// summedNames lists the totals of a stream that no conserve entry covers: reduce sums them over the events.
func summedNames(plan *fold.Plan, stream string) (names []string) {
	for _, t := range plan.Events.Stream(stream).Totals {
		if !slices.ContainsFunc(plan.Conserve, func(c fold.Conserved) bool { return c.Total == t.Name }) {
			names = append(names, t.Name)
		}
	}
	return names
}
