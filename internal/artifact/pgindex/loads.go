// Reads the loads of a generation, newest run first.

package pgindex

import (
	"bytes"
	"context"
	"encoding/binary"

	"bursar/internal/artifact"
)

// loadsSQL returns a row without a run if the generation has no loads after the given one, and no row if it does not exist.
const loadsSQL = `
SELECT s.entries, l.run, l.count, l.first_key FROM index_spaces s LEFT JOIN LATERAL (
	SELECT run, count, first_key FROM index_loads
	WHERE entries = s.entries AND run <= $3 AND ($4::bytea IS NULL OR run < $3 OR first_key > $4) ORDER BY run DESC, first_key LIMIT $5) l ON true
WHERE s.pipeline = $1 AND s.generation = $2 ORDER BY l.run DESC, l.first_key`

// loadRecord is one load.
type loadRecord struct {
	run   uint64
	count int64
	first []byte // nil: before all loads of the run
}

// Loads calls each for every load of a generation, newest run first.
func (x *Index) Loads(ctx context.Context, space artifact.Space, each func(run uint64, entries int64) error) error {
	err := checkSpace(space)
	if err == nil {
		err = x.loads(ctx, space, each)
	}
	return wrap(ctx, err, space, "read loads in index")
}

func (x *Index) loads(ctx context.Context, space artifact.Space, each func(run uint64, entries int64) error) error {
	last, table := loadRecord{run: 1 << 63}, ""
	for limit := x.sizes.firstPage; ; limit = x.sizes.page {
		records, now, err := x.loadsAfter(ctx, space, last, limit)
		switch {
		case err != nil:
			return err
		case table != "" && now != table:
			return errDropped
		}
		for _, l := range records {
			if err := each(l.run, l.count); err != nil {
				return err
			}
		}
		if len(records) < limit {
			return nil
		}
		last, table = records[limit-1], now
	}
}

// loadsAfter reads a page of loads, and the name of the generation's table.
func (x *Index) loadsAfter(ctx context.Context, space artifact.Space, last loadRecord, limit int) (records []loadRecord, table string, err error) {
	args := []any{space.Pipeline, int64(space.Generation), runBound(last.run), last.first, limit}
	reset := func() { records, table = nil, "" }
	err = x.rows(ctx, loadsSQL, args, reset, func(values [][]byte) error {
		table = string(values[0])
		if values[1] != nil {
			records = append(records, loadRecord{
				binary.BigEndian.Uint64(values[1]), int64(binary.BigEndian.Uint64(values[2])), bytes.Clone(values[3]),
			})
		}
		return nil
	})
	return records, table, err
}
