// Memory: the open runs of a stream.

package memory

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"bursar/internal/object"
)

// Memory answers for the runs it was opened with. It and its batch are for one goroutine at a time, and have one
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
// files. An absent run is fs.ErrNotExist and a damaged one ErrCorrupt, both wrapped with its name. Only footers
// are read: Verify reads all.
func Open(ctx context.Context, store object.Store, scratch string, runs []RunInfo) (*Memory, error) {
	m := &Memory{store: store, scratch: scratch}
	for _, info := range runs {
		if err := m.Add(ctx, info); err != nil {
			return nil, errors.Join(err, m.Close())
		}
	}
	return m, nil
}

// Runs are the runs the memory answers for.
func (m *Memory) Runs() []RunInfo {
	infos := make([]RunInfo, len(m.runs))
	for i := range m.runs {
		infos[i] = m.runs[i].info
	}
	return infos
}

// Add makes the memory answer for one more run: a sealed batch, once the catalog holds it.
func (m *Memory) Add(ctx context.Context, info RunInfo) error {
	return m.Replace(ctx, nil, info)
}

// Replace makes the memory answer for merged instead of old: a compaction, once the catalog holds it. The old
// objects may be deleted afterwards. On an error the memory is as before.
func (m *Memory) Replace(ctx context.Context, old []RunInfo, merged RunInfo) error {
	if m.batch != nil {
		return errors.New("change runs: a batch is open")
	}
	for _, info := range old {
		if !slices.ContainsFunc(m.runs, func(r openedRun) bool { return r.info == info }) {
			return fmt.Errorf("replace run %s: it is not open", info.Name)
		}
	}
	t, err := openRun(ctx, m.store, m.scratch, merged)
	if err != nil {
		return err
	}
	var kept []openedRun
	for _, r := range m.runs {
		if slices.Contains(old, r.info) {
			err = errors.Join(err, r.table.close())
		} else {
			kept = append(kept, r)
		}
	}
	m.runs = append(kept, openedRun{merged, t})
	return err
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
