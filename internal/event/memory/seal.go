// Sealing a batch: its entries become one run.

package memory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bursar/internal/object"
)

// Seal writes the kept entries, received at the given time, as a run object. The run counts once the caller has
// recorded it in the catalog. Sealing again writes the same bytes (rule 5); a batch
// without entries makes a run without.
func (b *Batch) Seal(ctx context.Context, name string, received time.Time) (RunInfo, error) {
	at := received.Unix()
	return sealRun(ctx, b.memory.store, b.levels.all(), RunInfo{Name: name, FirstReceived: at, LastReceived: at}, nil)
}

// sealRun merges tables into the object info.Name and returns its completed description.
func sealRun(ctx context.Context, store object.Store, tables []*table, info RunInfo, newer Newer) (RunInfo, error) {
	w, err := store.Create(ctx, info.Name)
	if err != nil {
		return RunInfo{}, fmt.Errorf("create run %s: %w", info.Name, err)
	}
	if err := guarded(func() error { return writeRun(w, tables, &info, newer) }); err != nil {
		return RunInfo{}, errors.Join(fmt.Errorf("write run %s: %w", info.Name, err), w.Abort())
	}
	if err := w.Commit(); err != nil {
		return RunInfo{}, errors.Join(fmt.Errorf("commit run %s: %w", info.Name, err), w.Abort())
	}
	return info, nil
}
