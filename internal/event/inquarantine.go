// What of a stream is in quarantine: the batches whose rejected rows nobody has taken up, one row of them, and how many there are.

package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bursar/internal/catalog"
)

// quarantined lists the batches whose rejected rows no later batch has taken up: those that count, and those that are retracted.
func quarantined(ctx context.Context, c catalog.Catalog, stream string) (open, retracted []Batch, err error) {
	var left []Retraction
	err = c.View(ctx, func(tx catalog.Tx) (err error) {
		var state streamState
		if _, err = tx.Get(streamKey(stream), &state); err != nil {
			return err
		}
		if open, err = unlisted(tx, stream, &state); err != nil {
			return err
		}
		if left, err = activeOf(tx, stream); err != nil {
			return err
		}
		prefix := "rejected/" + stream + "/"
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
		return nil, nil, fmt.Errorf("list quarantine of %s: %w", stream, err)
	}
	open = slices.DeleteFunc(open, func(b Batch) bool {
		out := leftWithBatch(left, &b)
		if out {
			retracted = append(retracted, b)
		}
		return out
	})
	return open, retracted, nil
}

// unlisted finds the open quarantines of batches that were sealed before they were listed.
func unlisted(tx catalog.Tx, stream string, state *streamState) ([]Batch, error) {
	end := state.Batches + 1
	if state.Listed != 0 {
		end = state.Listed
	}
	var open []Batch
	for number := uint64(1); number < end; number++ {
		b, err := GetBatch(tx, stream, number)
		if err != nil {
			return nil, err
		}
		again, err := tx.Get(retriedKey(stream, number), &retried{})
		if err != nil {
			return nil, err
		}
		if b.Quarantine != nil && !again {
			open = append(open, b)
		}
	}
	return open, nil
}

// findRejected finds a row in quarantine, and the batch in whose quarantine it lies.
func (in *Intake) findRejected(ctx context.Context, stream string, at Place) (found Rejected, b Batch, err error) {
	open := false
	err = in.Catalog.View(ctx, func(tx catalog.Tx) (err error) {
		b, open, err = quarantineOf(tx, stream, at.File)
		return err
	})
	if err == nil && open {
		err = readQuarantine(ctx, in.Objects, b.Quarantine.Name, func(row Rejected) error {
			if row.Place() != at {
				return nil
			}
			found = row
			return errFound
		})
	}
	switch {
	case errors.Is(err, errFound):
		found.Dismissed, err = in.dismissal(ctx, stream, at)
	case err == nil:
		err = &NoSuchError{fmt.Sprintf("row %s in quarantine of %s", at, stream), fmt.Sprintf("`bursar quarantine %s` lists what is there", stream)}
	default:
		err = fmt.Errorf("look for row %s in quarantine of %s: %w", at, stream, err)
	}
	return found, b, err
}

// quarantineOf is the batch that has the rejected rows of a file in its quarantine, if it is not retracted: that of the file, or the last
// one that took them up again.
func quarantineOf(tx catalog.Tx, stream string, file uint64) (b Batch, open bool, err error) {
	var of File
	if found, err := tx.Get(fileNumberKey(stream, file), &of); err != nil || !found {
		return b, false, err
	}
	for by := (retried{of.Batch}); ; {
		again, err := tx.Get(retriedKey(stream, by.Batch), &by)
		if err != nil {
			return b, false, err
		}
		if again {
			continue
		}
		if found, err := tx.Get(batchKey(stream, by.Batch), &b); err != nil || !found || b.Quarantine == nil {
			return b, false, err
		}
		left, err := activeOf(tx, stream)
		return b, !leftWithBatch(left, &b), err
	}
}

// leftWithBatch reports whether the rows that a batch rejected are left out with it, as its files may come again. What a retry
// rejects again is of earlier files, and waits on.
func leftWithBatch(left []Retraction, b *Batch) bool {
	return len(b.Retried) == 0 && slices.ContainsFunc(left, func(r Retraction) bool { return r.Batch == b.Batch && r.Event == "" })
}

// InQuarantine is how many rows of a stream are in quarantine.
type InQuarantine struct {
	Stream    string `json:"stream"`
	Rows      int64  `json:"rows"`      // that wait to be resolved
	Dismissed int64  `json:"dismissed"` // that count as resolved
}

// CountQuarantine counts the rows of a stream in quarantine. It reads what is stored of them only where batches are retracted.
func (in *Intake) CountQuarantine(ctx context.Context, stream string) (InQuarantine, error) {
	n := InQuarantine{Stream: stream}
	open, retracted, err := quarantined(ctx, in.Catalog, stream)
	if err != nil {
		return n, err
	}
	dismissed, err := dismissals(ctx, in.Catalog, stream)
	if err != nil {
		return n, err
	}
	n.Dismissed = int64(len(dismissed))
	if n.Dismissed > 0 {
		err = in.eachRow(ctx, retracted, func(row Rejected) error {
			if _, is := dismissed[row.Place()]; is {
				n.Dismissed--
			}
			return nil
		})
	}
	for _, b := range open {
		n.Rows += b.Quarantine.Rows
	}
	n.Rows -= n.Dismissed
	return n, err
}

func (in *Intake) eachRow(ctx context.Context, batches []Batch, each func(Rejected) error) error {
	for _, b := range batches {
		if err := readQuarantine(ctx, in.Objects, b.Quarantine.Name, each); err != nil {
			return fmt.Errorf("read quarantine of batch %d of %s: %w", b.Batch, b.Stream, err)
		}
	}
	return nil
}
