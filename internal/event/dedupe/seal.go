// Seals a batch: its entries become one table.

package dedupe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bursar/internal/object"
)

// Seal writes the kept entries, received at the given time, as a table object. The table counts once the caller has recorded it in the catalog. Sealing
// again writes the same bytes (rule 5); a batch without entries makes an empty table.
func (b *Batch) Seal(ctx context.Context, name string, received time.Time) (TableInfo, error) {
	at := received.Unix()
	return sealTable(ctx, b.index.store, b.levels.all(), TableInfo{Name: name, FirstReceived: at, LastReceived: at}, nil)
}

// sealTable merges tables into the object info.Name and returns its completed description.
func sealTable(ctx context.Context, store object.Local, tables []*table, info TableInfo, newer Newer) (TableInfo, error) {
	w, err := store.Create(ctx, info.Name)
	if err != nil {
		return TableInfo{}, fmt.Errorf("create table %s: %w", info.Name, err)
	}
	if err := readMapped(func() error { return writeTable(w, tables, &info, newer) }); err != nil {
		return TableInfo{}, errors.Join(fmt.Errorf("write table %s: %w", info.Name, err), w.Abort())
	}
	if err := w.Commit(); err != nil {
		return TableInfo{}, errors.Join(fmt.Errorf("commit table %s: %w", info.Name, err), w.Abort())
	}
	return info, nil
}
