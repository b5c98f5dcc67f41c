// The catalog's state of a stream.

package event

import (
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event/dedupe"
)

// StreamState is the catalog's document of a stream.
type StreamState struct {
	Batches uint64 `json:"batches"`
	Files   uint64 `json:"files"`
	Merges  uint64 `json:"merges"`           // compactions of the dedupe index so far; they number its objects
	Spools  uint64 `json:"spools,omitempty"` // the last spool of live intake that was sealed
	Opened  uint64 `json:"opened,omitempty"` // the last spool that was begun; if it is greater than Spools, its file must exist
	Listed  uint64 `json:"listed,omitempty"` // the first batch for which rows in quarantine are listed in the catalog

	Retractions uint64 `json:"retractions,omitempty"` // number of the last one
	Unindexed   int64  `json:"unindexed,omitempty"`   // retracted events that the last rebuild of the dedupe index left out

	CountedTwice []CountedTwice `json:"doubles,omitempty"` // pairs of events with one id that both counted at the last rebuild of the dedupe index
	Window       time.Duration  `json:"window,omitempty"`  // the shortest dedupe window that batches were sealed with; 0 is forever

	Columns      []Definition       `json:"columns"`
	DedupeTables []dedupe.TableInfo `json:"memory"`

	// Identity is the check value of the key of the dedupe index; empty for an index of an older project, which has no key. Dropped names objects of
	// the index that were replaced and may still exist.
	Identity string       `json:"identity,omitempty"`
	Dropped  []string     `json:"dropped,omitempty"`
	Declared *declaration `json:"declared,omitempty"` // nil until a batch is sealed by a version that stores it
	Versions bool         `json:"versions,omitempty"` // the index knows events by id and content, because the stream keeps versions
}

// GetState reads a stream's state within a transaction; it is empty before the first batch.
func GetState(tx catalog.Tx, stream string) (state StreamState, err error) {
	_, err = tx.Get(streamKey(stream), &state)
	return state, err
}

// States returns the states of all streams.
func States(tx catalog.Tx) ([]StreamState, error) {
	return catalog.All[StreamState](tx, streamKey(""), "")
}

// PutState writes a stream's state.
func PutState(tx catalog.Tx, stream string, state *StreamState) error {
	return tx.Put(streamKey(stream), state)
}

// SameIntake reports whether nothing was sealed, retracted or rebuilt between two reads of a stream's state.
func (state *StreamState) SameIntake(o *StreamState) bool {
	return state.Batches == o.Batches && state.Files == o.Files && state.Spools == o.Spools && state.Identity == o.Identity &&
		state.Retractions == o.Retractions
}

// NeedsRebuild replaces the key's check value in a stream's state when the dedupe index does not match the events. Nothing is ingested until
// the index is rebuilt.
const NeedsRebuild = "adopted"

// CountedTwice is where two events with one id were read that both counted when the dedupe index was built.
type CountedTwice struct {
	A dedupe.Place `json:"a"`
	B dedupe.Place `json:"b"`
}

// Shorter returns the shorter of two dedupe windows; 0 is forever.
func Shorter(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// MayResolve reports whether a retraction may concern an event that counts twice. The dedupe index contains only one of the two, so it must be
// rebuilt.
func (state *StreamState) MayResolve(r *Retraction) bool {
	for _, d := range state.CountedTwice {
		at := Place{r.File, r.Row}
		if r.Event == "" || PlaceOf(d.A) == at || PlaceOf(d.B) == at {
			return true
		}
	}
	return false
}
