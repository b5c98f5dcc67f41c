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

// BatchRef names a batch of a run. Stream is empty where the pipeline folds one stream only.
type BatchRef struct {
	Stream string `json:"stream"`
	Batch  uint64 `json:"batch"`
}

// MarshalJSON writes a batch of the only stream as its number.
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

// Taken is the last batch of each stream that is in a run, by the names that BatchRef has.
type Taken map[string]uint64

// MarshalJSON writes the last batch of the only stream as its number, and nothing as 0.
func (t Taken) MarshalJSON() ([]byte, error) {
	if n, only := t[""]; only || len(t) == 0 {
		return json.Marshal(n)
	}
	return json.Marshal(map[string]uint64(t))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (t *Taken) UnmarshalJSON(text []byte) error {
	*t = Taken{}
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

// before is what was taken before runs took these batches.
func (t Taken) before(batches []BatchRef) Taken {
	out := maps.Clone(t)
	for _, b := range batches {
		out[b.Stream] = min(out[b.Stream], b.Batch-1)
	}
	return out
}

// backlog is the sealed batches of a pipeline's streams that are in no run, the oldest of each at hand.
type backlog struct {
	tx    catalog.Tx
	plan  *fold.Plan
	taken Taken
	until Taken                   // the last batches that are looked at; nil is all
	left  Taken                   // the last retractions that they are folded without
	heads map[string]*event.Batch // by stream; nil where there is none
}

func newBacklog(tx catalog.Tx, plan *fold.Plan, g *Generation) (*backlog, error) {
	b := &backlog{tx: tx, plan: plan, taken: Taken{}, until: g.Until, left: g.Retracted, heads: map[string]*event.Batch{}}
	maps.Copy(b.taken, g.Taken)
	for _, s := range plan.Events.Streams {
		if err := b.look(s.Name); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// ref names a batch as runs do.
func (b *backlog) ref(batch *event.Batch) BatchRef {
	if b.plan.Events.Several() {
		return BatchRef{batch.Stream, batch.Batch}
	}
	return BatchRef{"", batch.Batch}
}

// look finds the oldest batch of a stream that is not taken.
func (b *backlog) look(stream string) error {
	sealed, err := event.Sealed(b.tx, stream)
	if err != nil {
		return err
	}
	name := b.ref(&event.Batch{Stream: stream}).Stream
	next := b.taken[name] + 1
	if b.until != nil {
		sealed = min(sealed, b.until[name])
	}
	b.heads[stream] = nil
	if next > sealed {
		return nil
	}
	batch, err := event.GetFolded(b.tx, b.plan.Events.Stream(stream), stream, next, b.left[name])
	b.heads[stream] = &batch
	return err
}

// oldest is the batch that was sealed first, or nil. Of several of one moment that of the first stream is.
func (b *backlog) oldest() *event.Batch {
	var first *event.Batch
	for _, s := range b.plan.Events.Streams {
		if head := b.heads[s.Name]; head != nil && (first == nil || head.Sealed.Before(first.Sealed)) {
			first = head
		}
	}
	return first
}

// take removes a batch from the backlog.
func (b *backlog) take(batch *event.Batch) (BatchRef, error) {
	ref := b.ref(batch)
	b.taken[ref.Stream] = ref.Batch
	return ref, b.look(batch.Stream)
}

// sealedUntil is the last batch of each of the pipeline's streams.
func sealedUntil(tx catalog.Tx, plan *fold.Plan) (Taken, error) {
	until := Taken{}
	for _, s := range plan.Events.Streams {
		sealed, err := event.Sealed(tx, s.Name)
		if err != nil {
			return nil, err
		}
		until[refName(plan, s.Name)] = sealed
	}
	return until, nil
}

// group takes batches of all streams, the oldest first, up to the backlog's limits; one batch is always taken. So of each
// stream everything is included up to when its last one was sealed.
func group(tx catalog.Tx, plan *fold.Plan, run *Run, g *Generation) (Taken, error) {
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
		ref, err := waiting.take(batch)
		if err != nil {
			return nil, err
		}
		run.Batches = append(run.Batches, ref)
		run.Events += batch.Accepted
		if err := addConserved(plan, run.Totals, batch); err != nil {
			return nil, err
		}
	}
	return waiting.taken, nil
}

// addConserved adds a batch's totals that the pipeline conserves. One that was sealed without them is an *event.ErrNoTotals.
func addConserved(plan *fold.Plan, totals event.Totals, batch *event.Batch) error {
	if !batch.HasTotals(plan.Events.Stream(batch.Stream), conservedNames(plan, batch.Stream)) {
		return &event.MissingTotalsError{Batch: *batch}
	}
	return totals.Add(conserved(plan, batch))
}

// conserved is a batch's totals that the pipeline conserves, at the scales of its key and artifacts.
func conserved(plan *fold.Plan, b *event.Batch) event.Totals {
	return conservedOf(plan, b.TotalsNow(plan.Events.Stream(b.Stream)))
}

// conservedOf is those of a stream's totals that the pipeline conserves.
func conservedOf(plan *fold.Plan, totals event.Totals) event.Totals {
	kept := event.Totals{}
	for _, c := range plan.Conserve {
		kept[c.Total] = map[string]string{}
		for group, sum := range totals[c.Total] {
			if c.Group >= 0 && plan.Key[c.Group].Type.Kind == column.Decimal {
				group = event.Rescale(group, plan.Key[c.Group].Type.Scale)
			}
			kept[c.Total][group] = sum
		}
	}
	return kept
}

// conservedNames are the totals of a stream that the pipeline conserves.
func conservedNames(plan *fold.Plan, stream string) (names []string) {
	for _, c := range plan.Conserve {
		if plan.Events.Stream(stream).Total(c.Total) != nil {
			names = append(names, c.Total)
		}
	}
	return names
}

// summedNames are the totals of a stream that no conserve entry follows through a run: reduce sums them over the events.
func summedNames(plan *fold.Plan, stream string) (names []string) {
	for _, t := range plan.Events.Stream(stream).Totals {
		if !slices.ContainsFunc(plan.Conserve, func(c fold.Conserved) bool { return c.Total == t.Name }) {
			names = append(names, t.Name)
		}
	}
	return names
}
