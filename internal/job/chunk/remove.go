// Removes the tasks of slots that are not kept any more, and what interrupted attempts have left.

package chunk

import (
	"context"
	"encoding/json"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/job/record"
)

// Sweep removes output of a slot whose tasks have ended that no outcome names: its attempts were interrupted before their outcomes were written.
// Workers that wake up late write no more outcomes. What they write into objects is removed with the slot.
func (w *Work) Sweep(ctx context.Context, ref record.Ref) error {
	names, err := w.Objects.List(ctx, objectFolder(ref))
	if err != nil {
		return err
	}
	_, unfinished, err := w.Unknown(ctx, names)
	if err != nil {
		return err
	}
	for _, name := range unfinished {
		if err := w.Objects.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// removedAtOnce bounds the documents that a transaction removes.
const removedAtOnce = 200

// Remove removes the tasks of a slot, and their output. What is interrupted is removed by the next call. The division goes first: without it
// nobody looks for the rest.
func (w *Work) Remove(ctx context.Context, ref record.Ref) error {
	if err := w.Catalog.Update(ctx, func(tx catalog.Tx) error { return tx.Delete(divisionKey(ref)) }); err != nil {
		return err
	}
	names, err := w.Objects.List(ctx, objectFolder(ref))
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := w.Objects.Delete(ctx, name); err != nil {
			return err
		}
	}
	for more := true; more; {
		err := w.Catalog.Update(ctx, func(tx catalog.Tx) error {
			more = false
			var keys []string
			err := tx.List(folder(ref), func(key string, _ json.RawMessage) error {
				if keys = append(keys, key); len(keys) == removedAtOnce {
					more = true
					return failure.ErrStop
				}
				return nil
			})
			if err := failure.UnlessStopped(err); err != nil {
				return err
			}
			for _, key := range keys {
				if err := tx.Delete(key); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
