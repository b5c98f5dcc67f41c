// Memory: the open runs of a stream.

package memory

import (
	"context"
	"errors"

	"bursar/internal/object"
)

// Memory answers for the runs it is opened with. It and its batch are for one goroutine at a time, and have one
// batch open at a time: two batches that do not know of each other could both find an id new (rule 1).
type Memory struct {
	store   object.Store
	scratch string
	runs    []openedRun
	batch   *Batch
}

type openedRun struct {
	info  RunInfo
	table *table
}

// Open opens the runs that the catalog lists for a stream, in any order. scratch is a folder for temporary
// files. An absent run is fs.ErrNotExist and ErrCorrupt, a damaged one ErrCorrupt, wrapped with its name. What a lookup
// or a merge reads is compared with checksums then; a run of version 1, which has none but one of all, is compared here.
func Open(ctx context.Context, store object.Store, scratch string, runs []RunInfo) (*Memory, error) {
	m := &Memory{scratch: scratch, store: store}
	for _, info := range runs {
		t, err := openRun(ctx, store, scratch, info)
		if err != nil {
			return nil, errors.Join(err, m.Close())
		}
		m.runs = append(m.runs, openedRun{info, t})
	}
	return m, nil
}

// Close releases the runs, and the batch if one is open.
func (m *Memory) Close() error {
	var err error
	if m.batch != nil {
		err = m.batch.Close()
	}
	for _, r := range m.runs {
		err = errors.Join(err, r.table.close())
	}
	m.runs = nil
	return err
}
