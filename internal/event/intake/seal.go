// Seals a batch.

package intake

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"bursar/internal/catalog"
	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/event/ids"
)

func (w *batchWriter) sealAndCompact(ctx context.Context) (Result, error) {
	result, err := w.checkAndSeal(ctx)
	if err != nil || w.batch.DedupeTable == nil {
		return result, err
	}
	return result, ids.Compact(ctx, w.store, w.stream, &sync.Mutex{})
}

// checkAndSeal sums up, checks rule 4, and seals the batch unless it has nothing new.
func (w *batchWriter) checkAndSeal(ctx context.Context) (Result, error) {
	if err := w.sumTotals(); err != nil {
		return Result{}, err
	}
	b := &w.batch
	if b.Rows != b.Accepted+b.Quarantined+b.Duplicates {
		return Result{}, fmt.Errorf("bug: %d rows are not %d accepted + %d quarantined + %d duplicates (rule 4)", b.Rows, b.Accepted, b.Quarantined, b.Duplicates)
	}
	if limit := w.options.MaxRejected; limit > 0 && float64(b.Quarantined) > limit*float64(b.Rows) { //nolint:forbidigo // counts, no money
		return w.result(0), fmt.Errorf("%w: %d of %d; nothing was sealed", ErrTooManyRejected, b.Quarantined, b.Rows)
	}
	if w.options.DryRun || len(w.retries) > 0 && b.Accepted+b.Duplicates == 0 { // rows that stay in quarantine need no new batch
		return w.result(0), nil
	}
	number := b.Batch
	if b.Accepted == 0 && b.Quarantined == 0 {
		number = 0
	}
	if err := w.seal(ctx, number); err != nil {
		return Result{}, fmt.Errorf("seal batch %d of %s: %w", b.Batch, w.stream.Name, err)
	}
	return w.result(number), nil
}

func (w *batchWriter) sumTotals() error {
	w.batch.Rows += w.repeatedRows
	w.batch.Duplicates += w.repeatedRows
	summers := event.NewSummers(w.stream)
	var digest column.Digest
	for i := range w.writers {
		digest.Add(w.writers[i].digest)
		for t := range summers {
			summers[t].Merge(w.writers[i].summers[t].Sums)
		}
		for _, o := range w.writers[i].objects {
			w.batch.Objects = append(w.batch.Objects, o.Description)
		}
	}
	totals, err := event.TotalsOf(summers)
	w.batch.Totals, w.batch.Digest = totals, digest.String()
	return err
}

func (w *batchWriter) result(batch uint64) Result {
	b := &w.batch
	return Result{
		Stream: b.Stream, Batch: batch, Rows: b.Rows, Accepted: b.Accepted, Quarantined: b.Quarantined,
		Duplicates: b.Duplicates, Extra: b.Extra, Totals: b.Totals, Digest: b.Digest,
	}
}

// seal makes the rest of the batch durable, then commits batch, files, dedupe index and the next numbers in one transaction (rule 1). With
// number 0 only the files are recorded. The manifest is written afterwards: its existence proves that the batch was sealed.
func (w *batchWriter) seal(ctx context.Context, number uint64) error {
	for _, f := range w.files {
		f.Batch, f.Broken = number, w.brokenFiles[f]
		w.batch.Files = append(w.batch.Files, *f)
	}
	w.batch.Spool, w.batch.Retried, w.batch.Retractions = w.spool, w.retries, w.state.Retractions
	if number != 0 && w.quarantine != nil {
		var err error
		if w.batch.Quarantine, err = w.quarantine.finish(); err != nil {
			return err
		}
	}
	if err := w.store.Catalog.Update(ctx, func(tx catalog.Tx) error { return w.commit(tx, number) }); err != nil || number == 0 {
		return err
	}
	if err := w.store.WriteManifest(ctx, &w.batch); err != nil { // the next intake of the stream writes it
		w.store.Log.Warn("the batch is sealed but has no manifest yet", "stream", w.stream.Name, "batch", number, "error", err)
	}
	return nil
}

func (w *batchWriter) commit(tx catalog.Tx, number uint64) error {
	if err := w.attempt.End(tx); err != nil {
		return err
	}
	state, err := w.nextState(tx, number)
	if err != nil {
		return err
	}
	if number != 0 {
		if err := event.PutBatch(tx, &w.batch); err != nil {
			return err
		}
	}
	if w.spool == 0 || number != 0 { // no event refers to a spool without a batch
		for _, f := range w.files {
			if err := event.PutFile(tx, w.stream.Name, f, w.spool != 0); err != nil {
				return err
			}
		}
	}
	if err := event.MarkRetried(tx, &w.batch, number); err != nil {
		return err
	}
	if w.extra != nil {
		if err := w.extra(tx); err != nil {
			return err
		}
	}
	return event.PutState(tx, w.stream.Name, &state)
}

// nextState returns the stream's state with this batch. If another batch was sealed since this one was begun, its ids are missing in this
// one's dedupe index, so nothing may be sealed (rule 1).
func (w *batchWriter) nextState(tx catalog.Tx, number uint64) (event.StreamState, error) {
	state, err := event.GetState(tx, w.stream.Name)
	if err != nil {
		return state, err
	}
	if !state.SameIntake(&w.state) {
		return state, fmt.Errorf("bug: another intake of %s sealed a batch meanwhile", w.stream.Name)
	}
	if w.key != nil {
		state.Identity = w.key.Check()
	}
	state.Files += uint64(len(w.files))
	state.Columns, state.Declared, state.Versions = w.batch.Columns, w.batch.Declared, w.stream.Versions
	if w.spool != 0 {
		state.Spools = w.spool
	}
	if number != 0 {
		state.Batches, state.Window = number, event.Shorter(state.Window, w.stream.Dedupe)
		state.Listed = cmp.Or(state.Listed, number)
		if w.batch.DedupeTable != nil {
			state.DedupeTables = append(state.DedupeTables, *w.batch.DedupeTable)
		}
	}
	return state, nil
}
