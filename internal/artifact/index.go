// Package artifact stores artifacts by key: records in immutable parts, and the index that points to them. It owns the encodings
// of keys and records and guarantees that what is read is what was written, or an error. It must not know how artifacts are
// made, or which runs are published.
package artifact

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

// Location is where a record is stored: the number of the part within its run, and the byte range in the part.
type Location struct {
	Part   uint32
	Offset uint64
	Length uint32
}

// Entry is one index entry: the location of a key's record as of a run.
type Entry struct {
	Key      []byte // order-preserving, prefix-free encoding of the key (see AppendKey)
	Run      uint64
	Location Location
}

// Space names one generation of one pipeline.
type Space struct {
	Pipeline   string
	Generation uint64
}

// Index is the interface of index backends. Every backend passes indextest.Run, and indextest.RunShared if several processes may
// open it at once.
//
// Entries of one key are adjacent, newest run first, so that history and as-of reads are cheap. Load is idempotent (rule 5) and
// durable when it returns; entries of unpublished runs may exist and are never returned for an asOf below them. Spaces are
// isolated from each other.
//
// Entries never change, so no read needs a snapshot: a read as of a run whose loads are complete returns the same however long it
// takes. One as of a run that is being loaded may return some of its entries, but for each key an entry that was loaded. A read
// of a generation that is dropped meanwhile returns all entries or a Transient error, never some of them.
//
// Keys are opaque bytes, not empty, and prefix-free within a space: no key is a prefix of another. Backends may rely on that to
// separate keys. Runs, generations and offsets are at most 2^63-1, parts and lengths at most 2^31-1: a backend may refuse larger
// numbers. asOf may be any number. All calls may be retried and made from several goroutines; an error of a callback stops the
// call and is returned wrapped.
type Index interface {
	// Load adds the entries of one run: all, or none if next fails. Another error leaves open which of them were added, but the load is
	// not one of Loads then, or complete: load again. next returns entries in ascending key order, each key once, and ok=false at the end; any other order
	// is a bug and an error. The Key of an Entry is only valid until the next call of next; its Run is ignored. An entry of a key
	// and run that exists is replaced: a run that was reset may have other parts.
	Load(ctx context.Context, space Space, run uint64, next func() (e Entry, ok bool, err error)) error
	// Find looks up keys, ascending and distinct, and calls found for each key with an entry at or below asOf, in order of i, from
	// one goroutine at a time. Many keys in one call are much cheaper than one by one.
	Find(ctx context.Context, space Space, asOf uint64, keys [][]byte, found func(i int, e Entry) error) error
	// Scan calls each for the newest entry at or below asOf of every key, in key order. Entry.Key is valid during the call.
	Scan(ctx context.Context, space Space, asOf uint64, each func(e Entry) error) error
	// Loads calls each for every durable Load of a space, newest run first, with its run and number of entries. A run may have
	// several Loads with different keys; loading the same entries again counts once. Callers use it to check that the index is
	// as new as they recorded.
	Loads(ctx context.Context, space Space, each func(run uint64, entries int64) error) error
	// History calls each for every entry of a key at or below asOf, newest first.
	History(ctx context.Context, space Space, asOf uint64, key []byte, each func(e Entry) error) error
	// Drop removes a generation, durably. It is not an error if the generation does not exist.
	Drop(ctx context.Context, space Space) error
	Close() error
}

// CheckOrder returns an error if Load must not get key after before, which is nil for the first key.
func CheckOrder(before, key []byte) error {
	switch {
	case len(key) == 0:
		return errors.New("index entry with an empty key")
	case before == nil:
		return nil
	case bytes.Compare(before, key) >= 0, bytes.HasPrefix(key, before):
		return fmt.Errorf("index entries are out of order: %x after %x", key, before)
	}
	return nil
}
