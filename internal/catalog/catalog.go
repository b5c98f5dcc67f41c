// Package catalog records what has been done: batches, runs, steps, parts, watermarks. It is the truth that
// every restart resumes from. It keeps JSON documents by key and commits any number of them at once; what
// the documents say belongs to the packages that write them.
package catalog

import (
	"context"
	"encoding/json"
)

// Catalog is the catalog seam. Every backend passes catalogtest.Run.
//
// Update is atomic and durable when it returns: all of fn's writes or none. It may not be retried blindly after an
// error at commit: read first. fn may be called more than once and must have no other effects; its error comes
// back as it is (errors.Is), and nothing is written then. A transaction within an Update's fn waits for itself.
// Transactions are serializable; View sees one consistent state and neither waits for writers nor stops them.
type Catalog interface {
	Update(ctx context.Context, fn func(Tx) error) error
	View(ctx context.Context, fn func(Tx) error) error
	Close() error
}

// Counted is implemented by catalogs that only one process writes to, so that what was read once may be kept: a number that
// stays the same says that nothing was written since. It grows before Update returns.
type Counted interface {
	Changes() uint64
}

// Tx reads and writes documents within one transaction, and sees its own writes. Keys are slash-separated, not
// empty, UTF-8 without NUL; List is in key order (bytes). A Tx is for one goroutine and ends with fn.
type Tx interface {
	// Get decodes the document at key into value and reports whether there is one.
	Get(key string, value any) (bool, error)
	// Put writes the document at key; an error inside View.
	Put(key string, value any) error
	// Delete removes the document at key; absent is no error.
	Delete(key string) error
	// List calls fn for each document whose key starts with prefix, in key order, until fn returns an error.
	// fn may use the Tx; whether what it writes under prefix beyond its key is listed too is left open.
	List(prefix string, fn func(key string, value json.RawMessage) error) error
	// ListAfter is List from the first key above after, which need not be that of a document: what it costs does not
	// grow with the documents before.
	ListAfter(prefix, after string, fn func(key string, value json.RawMessage) error) error
}
