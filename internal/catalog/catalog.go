// Package catalog records what has been done: batches, runs, steps, parts, watermarks. It is the truth from which every
// restart resumes. It stores JSON documents by key and commits any number of them atomically. It must not know what the
// documents contain: that belongs to the packages that write them.
package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"iter"

	"bursar/internal/failure"
)

// Catalog is the catalog seam. Every backend passes catalogtest.Run.
//
// Update is atomic and durable when it returns: all of fn's writes or none. It may not be retried blindly after an
// error at commit: read first (ErrOutcomeUnknown). fn may be called more than once and must have no other effects; its error is
// returned as it is (errors.Is), and nothing is written then. A transaction within an Update's fn deadlocks.
// Transactions are serializable; View sees one consistent state and neither waits for writers nor stops them.
type Catalog interface {
	Update(ctx context.Context, fn func(Tx) error) error
	View(ctx context.Context, fn func(Tx) error) error
	Close() error
}

// ErrOutcomeUnknown is in the chain of the error of an Update whose commit was sent and whose answer was lost: all of fn's writes
// are there, or none. After every other error none are, where the backend is a server. Read before you repeat anything.
var ErrOutcomeUnknown = errors.New("it is unknown whether the transaction is committed")

// Counted is implemented by catalogs that know when something was written, so that callers may cache what they read: take the
// number, then read, and use what was read as long as Changes returns the same number.
//
// An Update of this process counts before it returns. One of another process counts when its message arrives: a moment after its
// commit, usually milliseconds. If the network stops delivering without an error, the backend notices this within a bounded time,
// which it documents; from then on, and while the connection to the change feed is lost, every call returns a new number, so that
// nothing cached is used.
type Counted interface {
	Changes() uint64
}

// Tx reads and writes documents within one transaction, and sees its own writes. Keys are slash-separated, not empty, UTF-8 without NUL,
// and no longer than 2,000 bytes, which a database bounds them to; List is in key order (bytes). A Tx is for one goroutine and ends with
// fn.
type Tx interface {
	// Get decodes the document at key into value and reports whether there is one.
	Get(key string, value any) (bool, error)
	// Put writes the document at key; an error inside View.
	Put(key string, value any) error
	// Delete removes the document at key. A missing document is not an error.
	Delete(key string) error
	// List calls fn for each document whose key starts with prefix, in key order, until fn returns an error.
	// fn may use the Tx; whether documents that it writes under prefix beyond its key are listed is unspecified.
	List(prefix string, fn func(key string, value json.RawMessage) error) error
	// ListAfter is List from the first key above after, which need not be the key of a document. Its cost does
	// not depend on the documents before.
	ListAfter(prefix, after string, fn func(key string, value json.RawMessage) error) error
}

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
