// Reads values and lists of documents out of transactions.

package catalog

import (
	"context"
	"encoding/json"
	"iter"

	"bursar/internal/failure"
)

// Read returns what fn reads in one View. fn may be called more than once.
func Read[T any](ctx context.Context, c Catalog, fn func(Tx) (T, error)) (value T, err error) {
	err = c.View(ctx, func(tx Tx) error {
		value, err = fn(tx)
		return err
	})
	return value, err
}

// Documents decodes the documents whose key starts with prefix and is above after, in key order; after may be empty. An error is the last of them.
func Documents[T any](tx Tx, prefix, after string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		err := tx.ListAfter(prefix, after, func(_ string, value json.RawMessage) error {
			var document T
			if err := json.Unmarshal(value, &document); err != nil {
				return err
			}
			if !yield(document, nil) {
				return failure.ErrStop
			}
			return nil
		})
		if err := failure.UnlessStopped(err); err != nil {
			var none T
			yield(none, err)
		}
	}
}

// All returns what Documents yields.
func All[T any](tx Tx, prefix, after string) (list []T, err error) {
	for document, err := range Documents[T](tx, prefix, after) {
		if err != nil {
			return nil, err
		}
		list = append(list, document)
	}
	return list, nil
}
