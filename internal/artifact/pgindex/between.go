// Looks up keys that lie close together, by reading every entry between them.

package pgindex

import (
	"bytes"
	"context"
	"fmt"
	"slices"
)

const (
	// betweenSQL has no bound on runs: rows of newer runs take time, so they count.
	betweenSQL = `
SELECT ` + locationColumns + `, key FROM %s WHERE key >= $1 AND key <= $2 ORDER BY key, run DESC LIMIT $3`

	// rowsPerWalk is how many entries of a range the server reads, sends and has compared in the time of a walk down the tree: 0.5 against
	// 3.5 microseconds of a core.
	rowsPerWalk = 6

	// firstProbe is how many keys are tried first. Fewer are not worth it.
	firstProbe = 64

	// mostPassed is how many batches are looked up by walks, at most, before some keys are tried again.
	mostPassed = 64
)

// density remembers how close together the keys of the batches before were.
type density struct {
	probe   int // keys that are tried next, if more than the least
	pass    int // batches that are still to be passed
	penalty int // batches that were passed after the last try, if it failed
}

// readDense looks up the first keys of a batch as far as they are close together, and returns how many: their results are final.
func (l *lookup) readDense(ctx context.Context, d *density, keys [][]byte, found []result) (done int, err error) {
	if len(keys) < l.index.sizes.probe || hasLong(keys) {
		return 0, nil
	}
	if d.pass > 0 {
		d.pass--
		return 0, nil
	}
	for done < len(keys) {
		d.probe = max(d.probe, l.index.sizes.probe)
		n := min(d.probe, len(keys)-done)
		reached, err := l.readBetween(ctx, keys[done:done+n], found[done:done+n])
		if err != nil {
			return done, err
		}
		if done += reached; reached < n {
			d.penalty = min(1+2*d.penalty, mostPassed)
			d.probe, d.pass = 0, d.penalty
			return done, nil
		}
		d.probe, d.penalty = min(8*d.probe, l.index.sizes.batch), 0
	}
	return done, nil
}

// hasLong reports whether a key is not stored whole: those sort by their digests.
func hasLong(keys [][]byte) bool {
	return slices.ContainsFunc(keys, func(key []byte) bool { return len(key) > wholeKey })
}

// readBetween reads the entries from the first to the last of ascending keys, up to a limit at which walks are faster. It returns how many of the
// keys it has reached: their results are final.
func (l *lookup) readBetween(ctx context.Context, keys [][]byte, found []result) (reached int, err error) {
	limit := rowsPerWalk * len(keys)
	var rows int
	reset := func() { reached, rows = 0, 0; clear(found) }
	args := []any{keys[0], keys[len(keys)-1], limit}
	err = l.index.rows(ctx, fmt.Sprintf(betweenSQL, l.table), args, reset, func(values [][]byte) error {
		rows++
		key := values[5]
		for reached < len(keys) && bytes.Compare(keys[reached], key) < 0 {
			reached++
		}
		if reached == len(keys) || !bytes.Equal(keys[reached], key) || found[reached].ok {
			return nil // it was not asked for, or a newer run has one
		}
		e, crc, err := decodeEntry(values)
		if err != nil || e.Run > l.asOf {
			return err
		}
		found[reached] = result{e, crc, true}
		return nil
	})
	switch {
	case err != nil:
		return 0, err
	case rows < limit:
		return len(keys), nil
	case reached < len(keys) && found[reached].ok: // the newest that counts
		reached++
	}
	return reached, nil
}
