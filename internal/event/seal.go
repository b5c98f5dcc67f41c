package event

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"bursar/internal/catalog"
	"bursar/internal/column"
)

// finish seals the batch and tidies the duplicate memory.
func (w *work) finish(ctx context.Context) (Result, error) {
	result, err := w.conclude(ctx)
	if err != nil || w.batch.Memory == nil {
		return result, err
	}
	return result, w.in.compact(ctx, w.stream.Name, &sync.Mutex{})
}

// conclude counts, checks rule 4, and seals the batch unless nothing new came in.
func (w *work) conclude(ctx context.Context) (Result, error) {
	if err := w.total(); err != nil {
		return Result{}, err
	}
	b := &w.batch
	if b.Rows != b.Accepted+b.Quarantined+b.Duplicates {
		return Result{}, fmt.Errorf("bug: %d rows are not %d accepted + %d quarantined + %d duplicates (rule 4)", b.Rows, b.Accepted, b.Quarantined, b.Duplicates)
	}
	if limit := w.options.MaxRejected; limit > 0 && float64(b.Quarantined) > limit*float64(b.Rows) { //nolint:forbidigo // counts, no money
		return w.result(0), fmt.Errorf("%w: %d of %d; nothing was sealed", ErrTooManyRejected, b.Quarantined, b.Rows)
	}
	if w.options.DryRun || len(w.retries) > 0 && b.Accepted+b.Duplicates == 0 { // rows that stay where they are need no new batch
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

// total brings the lanes' sums and digests together.
func (w *work) total() error {
	w.batch.Rows += w.repeated
	w.batch.Duplicates += w.repeated
	summers := newSummers(w.stream)
	var digest column.Digest
	for i := range w.lanes {
		digest.Add(w.lanes[i].digest)
		for t := range summers {
			summers[t].Merge(w.lanes[i].summers[t].Sums)
		}
		for _, o := range w.lanes[i].objects {
			w.batch.Objects = append(w.batch.Objects, o.Description)
		}
	}
	totals, err := totalsOf(summers)
	w.batch.Totals, w.batch.Digest = totals, digest.String()
	return err
}

func (w *work) result(batch uint64) Result {
	b := &w.batch
	return Result{
		Stream: b.Stream, Batch: batch, Rows: b.Rows, Accepted: b.Accepted, Quarantined: b.Quarantined,
		Duplicates: b.Duplicates, Extra: b.Extra, Totals: b.Totals, Digest: b.Digest,
	}
}

// seal makes the rest of the batch durable, then commits it: manifest, files, duplicate memory and the next
// numbers in one transaction (rule 1). With number 0 only the files are remembered.
func (w *work) seal(ctx context.Context, number uint64) error {
	for _, f := range w.files {
		f.Batch = number
		w.batch.Files = append(w.batch.Files, *f)
	}
	if number != 0 {
		if err := w.writeObjects(ctx); err != nil {
			return err
		}
	}
	return w.in.Catalog.Update(ctx, func(tx catalog.Tx) error {
		state, err := w.next(tx, number)
		if err != nil {
			return err
		}
		if number != 0 {
			if err := w.putBatch(tx, number); err != nil {
				return err
			}
		}
		for _, f := range w.files {
			if err := w.putFile(tx, f, number); err != nil {
				return err
			}
		}
		for _, batch := range w.retries {
			err := errors.Join(tx.Put(retriedKey(w.stream.Name, batch), retried{Batch: w.batch.Batch}), tx.Delete(rejectedKey(w.stream.Name, batch)))
			if err != nil {
				return err
			}
		}
		if err := w.rememberAnswers(tx); err != nil {
			return err
		}
		return tx.Put(streamKey(w.stream.Name), state)
	})
}

// next is the stream's state with this batch in it. A batch that was sealed since this one was begun is not known to
// its duplicate memory, so nothing may be sealed then (rule 1).
func (w *work) next(tx catalog.Tx, number uint64) (streamState, error) {
	var state streamState
	if _, err := tx.Get(streamKey(w.stream.Name), &state); err != nil {
		return state, err
	}
	if !state.sameIntake(&w.state) {
		return state, fmt.Errorf("bug: another intake of %s sealed a batch meanwhile", w.stream.Name)
	}
	if key := w.digester.key; key != nil {
		state.Identity = key.Check()
	}
	state.Files += uint64(len(w.files))
	state.Columns, state.Declared = w.batch.Columns, declaredOf(w.stream)
	if w.spool != 0 {
		state.Spools = w.spool
	}
	if number != 0 {
		state.Batches = number
		state.Listed = cmp.Or(state.Listed, number)
		if w.batch.Memory != nil {
			state.Memory = append(state.Memory, *w.batch.Memory)
		}
	}
	return state, nil
}

// putBatch writes the manifest, and lists the batch among those with rows in quarantine.
func (w *work) putBatch(tx catalog.Tx, number uint64) error {
	if err := tx.Put(batchKey(w.stream.Name, number), w.batch); err != nil || w.batch.Quarantine == nil {
		return err
	}
	return tx.Put(rejectedKey(w.stream.Name, number), struct{}{})
}

func (w *work) putFile(tx catalog.Tx, f *File, number uint64) error {
	if w.spool != 0 && number == 0 { // nothing refers to a spool of which nothing is left
		return nil
	}
	if err := tx.Put(fileNumberKey(w.stream.Name, f.Number), f); err != nil {
		return err
	}
	if w.spool != 0 || w.broken[f] { // nobody hands a spool in; and a broken file must fail again
		return nil
	}
	if err := tx.Put(fileSizeKey(w.stream.Name, f.Bytes), struct{}{}); err != nil {
		return err
	}
	return tx.Put(fileKey(w.stream.Name, f.Digest), f)
}

// writeObjects writes what belongs to the whole batch: quarantine, ids, manifest.
func (w *work) writeObjects(ctx context.Context) error {
	var err error
	if w.rejects != nil {
		if w.batch.Quarantine, err = w.rejects.finish(); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(w.batch, "", "  ")
	if err != nil {
		return err
	}
	out, err := w.in.Objects.Create(ctx, prefix(w.stream.Name, w.batch.Batch)+"manifest.json")
	if err != nil {
		return err
	}
	if _, err := out.Write(text); err != nil {
		return errors.Join(err, out.Abort())
	}
	return out.Commit()
}
