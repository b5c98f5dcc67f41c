// Finds retractions that were made and are missing.

package event

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bursar/internal/catalog"
)

// checkRetractions returns a *NotInCatalogError for the first retraction of a stream that was made and is not in the catalog: without it, excluded
// events would count, or restored ones would not. A retraction is known to have been made from its object, from the stream's state, or from any
// later retraction, since they are numbered without gaps.
func checkRetractions(ctx context.Context, st *Store, stream string, state *streamState) error {
	known, err := st.knownRetractions(ctx, stream)
	if err != nil {
		return err
	}
	last, err := st.lastRetractionObject(ctx, stream)
	if err != nil {
		return err
	}
	last = max(last, state.Retractions)
	if len(known) > 0 {
		last = max(last, known[len(known)-1])
	}
	for number := uint64(1); number <= last; number++ {
		if number <= uint64(len(known)) && known[number-1] == number {
			continue
		}
		there, err := hasObject(ctx, st.Objects, retractionName(stream, number))
		if err != nil {
			return err
		}
		return &NotInCatalogError{Stream: stream, Retraction: number, Missing: !there}
	}
	return nil
}

// knownRetractions returns the numbers of the retractions in the catalog, sorted. The documents' keys end with them.
func (st *Store) knownRetractions(ctx context.Context, stream string) (numbers []uint64, err error) {
	prefix := retractionPrefix(stream)
	err = st.Catalog.View(ctx, func(tx catalog.Tx) error {
		numbers = nil
		return tx.List(prefix, func(key string, _ json.RawMessage) error {
			number, err := strconv.ParseUint(key[strings.LastIndexByte(key, '/')+1:], 10, 64)
			numbers = append(numbers, number)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list retractions of %s: %w", stream, err)
	}
	slices.Sort(numbers)
	return numbers, nil
}

// retractionMissing reports whether a retraction was made that is neither in the catalog nor among the objects.
func retractionMissing(ctx context.Context, st *Store, stream string, number uint64) (bool, error) {
	state, _, err := st.readState(ctx, stream)
	if err != nil {
		return false, err
	}
	known, err := st.knownRetractions(ctx, stream)
	if err != nil || slices.Contains(known, number) {
		return false, err
	}
	last, err := st.lastRetractionObject(ctx, stream)
	if err != nil || number == 0 || number > max(last, state.Retractions, slices.Max(append(known, 0))) {
		return false, err
	}
	_, err = readRetraction(ctx, st.Objects, stream, number)
	return isMissing(err)
}

// reenterRetraction enters a retraction that was made in the catalog. The dedupe index was built without it.
func reenterRetraction(ctx context.Context, st *Store, r *Retraction) error {
	return st.Catalog.Update(ctx, func(tx catalog.Tx) error {
		var state streamState
		if _, err := tx.Get(streamKey(r.Stream), &state); err != nil {
			return err
		}
		state.Identity = needsRebuild
		return enterRetraction(tx, &state, r)
	})
}
