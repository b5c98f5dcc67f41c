// The open quarantine of a stream: its batches, one of its rows, and the number of rows.

package event

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bursar/internal/catalog"
	"bursar/internal/failure"
)

// OpenQuarantines returns the batches whose quarantine was not retried yet: those that count, and those that are retracted. Of the rows of
// the former, those of the files in out do not count.
func OpenQuarantines(ctx context.Context, c catalog.Catalog, stream string) (open, retracted []Batch, out map[uint64]bool, err error) {
	var whole map[uint64]bool
	err = c.View(ctx, func(tx catalog.Tx) (err error) {
		state, err := GetState(tx, stream)
		if err != nil {
			return err
		}
		if open, err = unlistedQuarantines(tx, stream, &state); err != nil {
			return err
		}
		if out, whole, err = RetractedFiles(tx, stream); err != nil {
			return err
		}
		prefix := rejectedKind.prefix(stream)
		return tx.List(prefix, func(key string, _ json.RawMessage) error {
			number, err := strconv.ParseUint(strings.TrimPrefix(key, prefix), 10, 64)
			if err != nil {
				return err
			}
			b, err := GetBatch(tx, stream, number)
			open = append(open, b)
			return err
		})
	})
	if err != nil {
		return nil, nil, nil, fmt.Errorf("list quarantine of %s: %w", stream, err)
	}
	open = slices.DeleteFunc(open, func(b Batch) bool {
		out := whole[b.Batch] && len(b.Retried) == 0
		if out {
			retracted = append(retracted, b)
		}
		return out
	})
	return open, retracted, out, nil
}

// RetractedFiles returns the files of the batches that are retracted as a whole, and these batches. The rows of the files in quarantine do not
// count, since the files may be ingested again; a retry may have moved them to the quarantine of a later batch, which is not retracted.
func RetractedFiles(tx catalog.Tx, stream string) (files, batches map[uint64]bool, err error) {
	if batches, err = WholeBatches(tx, stream); err != nil {
		return nil, nil, err
	}
	files = map[uint64]bool{}
	for number := range batches {
		b, _, err := FindBatch(tx, stream, number) // repair may have lost it
		if err != nil {
			return nil, nil, err
		}
		for i := range b.Files {
			files[b.Files[i].Number] = true
		}
	}
	return files, batches, nil
}

// WholeBatches returns the batches of a stream that are retracted as a whole.
func WholeBatches(tx catalog.Tx, stream string) (map[uint64]bool, error) {
	left, err := activeOf(tx, stream)
	whole := map[uint64]bool{}
	for i := range left {
		if left[i].Event == "" {
			whole[left[i].Batch] = true
		}
	}
	return whole, err
}

// unlistedQuarantines returns the open quarantines of batches sealed by versions that did not list them.
func unlistedQuarantines(tx catalog.Tx, stream string, state *StreamState) ([]Batch, error) {
	var open []Batch
	for number := uint64(1); number < cmp.Or(state.Listed, state.Batches+1); number++ {
		b, err := GetBatch(tx, stream, number)
		if err != nil {
			return nil, err
		}
		retriedLater, err := tx.Get(retriedKind.key(stream, number), &retried{})
		if err != nil {
			return nil, err
		}
		if b.Quarantine != nil && !retriedLater {
			open = append(open, b)
		}
	}
	return open, nil
}

// FindRejected returns a row in quarantine, and the batch whose quarantine contains it.
func (st *Store) FindRejected(ctx context.Context, stream string, at Place) (found Rejected, b Batch, err error) {
	open := false
	err = st.Catalog.View(ctx, func(tx catalog.Tx) (err error) {
		b, open, err = quarantineOf(tx, stream, at.File)
		return err
	})
	if err == nil && open {
		err = ReadQuarantine(ctx, st.Objects, b.Quarantine.Name, func(row Rejected) error {
			if row.Place() != at {
				return nil
			}
			found = row
			return failure.ErrStop
		})
	}
	switch {
	case errors.Is(err, failure.ErrStop):
		found.Dismissed, err = st.dismissal(ctx, stream, at)
	case err == nil:
		err = &NoSuchError{fmt.Sprintf("row %s in quarantine of %s", at, stream), fmt.Sprintf("`bursar quarantine %s` lists what is there", stream)}
	default:
		err = fmt.Errorf("look for row %s in quarantine of %s: %w", at, stream, err)
	}
	return found, b, err
}

// quarantineOf returns the batch whose quarantine contains the rejected rows of a file: the file's own batch, or the last one that retried
// them. open is false if that is retracted.
func quarantineOf(tx catalog.Tx, stream string, file uint64) (b Batch, open bool, err error) {
	origin, found, err := GetFile(tx, stream, file)
	if err != nil || !found {
		return b, false, err
	}
	whole, err := WholeBatches(tx, stream)
	if err != nil || whole[origin.Batch] {
		return b, false, err
	}
	last, err := EachRetry(tx, stream, origin.Batch, func(*Batch) {})
	if err != nil {
		return b, false, err
	}
	b, found, err = FindBatch(tx, stream, last)
	return b, found && b.Quarantine != nil, err
}

// QuarantineCount is the number of rows of a stream in quarantine.
type QuarantineCount struct {
	Stream    string `json:"stream"`
	Rows      int64  `json:"rows"`      // to be resolved
	Dismissed int64  `json:"dismissed"` // that count as resolved
}

// CountQuarantine counts the rows of a stream in quarantine. It reads the rows only if batches are retracted.
func (st *Store) CountQuarantine(ctx context.Context, stream string) (QuarantineCount, error) {
	n := QuarantineCount{Stream: stream}
	open, retracted, out, err := OpenQuarantines(ctx, st.Catalog, stream)
	if err != nil {
		return n, err
	}
	dismissed, err := Dismissals(ctx, st.Catalog, stream)
	if err != nil {
		return n, err
	}
	n.Dismissed = int64(len(dismissed))
	for _, b := range open {
		n.Rows += b.Quarantine.Rows
	}
	uncount := func(row Rejected) {
		if _, is := dismissed[row.Place()]; is {
			n.Dismissed--
		}
	}
	if n.Dismissed > 0 {
		err = EachRejected(ctx, st.Objects, retracted, func(row Rejected) error {
			uncount(row)
			return nil
		})
	}
	if err == nil && len(out) > 0 {
		mixed := slices.DeleteFunc(slices.Clone(open), func(b Batch) bool { return len(b.Retried) == 0 })
		err = EachRejected(ctx, st.Objects, mixed, func(row Rejected) error {
			if out[row.Number] {
				n.Rows--
				uncount(row)
			}
			return nil
		})
	}
	n.Rows -= n.Dismissed
	return n, err
}
