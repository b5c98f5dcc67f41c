// Looks up keys that lie close together, by reading every entry between them.

package pgindex

import (
	"bytes"
	"context"
	"fmt"
	"slices"
)

const (
	betweenSQL = `
SELECT ` + locationColumns + `, key FROM %s WHERE key >= $1 AND key <= $2 AND run <= $3 ORDER BY key, run DESC LIMIT $4`

	// rowsPerWalk is how many entries of a range the server reads, sends and has compared in the time of a walk down the tree: 0.5 against
	// 3.5 microseconds of a core.
	rowsPerWalk = 6

	// mostPassed is how many batches are looked up by walks, at most, before the entries between keys are counted again.
	mostPassed = 64
)

// density remembers whether the keys of the batches before were close together. The zero value tries the first batch.
type density struct {
	pass   int // how many batches to pass
	passed int // since the last try
}

func (d *density) isWorthTrying() bool {
	d.passed++
	return d.passed > d.pass
}

// tried notes whether all keys of a batch were reached. After each failure twice as many batches are passed.
func (d *density) tried(reached bool) {
	d.passed = 0
	if d.pass = min(1+2*d.pass, mostPassed); reached {
		d.pass = 0
	}
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
	args := []any{keys[0], keys[len(keys)-1], runBound(l.asOf), limit}
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
		if err != nil {
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
	case reached < len(keys) && found[reached].ok:
		reached++
	}
	return reached, nil
}
