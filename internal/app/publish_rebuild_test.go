// A rebuild while a publication reads what it replaces.

package app

import (
	"context"
	"sync"
	"testing"
	"time"

	"bursar/internal/warehouse"
)

// stalledDatabase does not answer in its first write, until that is cancelled.
type stalledDatabase struct {
	warehouse.Database

	once    sync.Once
	stalled chan struct{} // closed when the write has begun
}

func (d *stalledDatabase) Write(ctx context.Context, fn func(context.Context, warehouse.Tx) error) error {
	d.once.Do(func() {
		close(d.stalled)
		<-ctx.Done()
	})
	return d.Database.Write(ctx, fn)
}

// TestRebuildInterruptsPublication rebuilds a pipeline while a publication of it hangs in the warehouse: the rebuild does not wait, and the
// publication starts again with the new generation.
func TestRebuildInterruptsPublication(t *testing.T) {
	t.Parallel()
	a := openTwoRuns(t)
	p, db := publisher(t, a), &stalledDatabase{stalled: make(chan struct{})}
	p.Open = func(ctx context.Context) (warehouse.Database, error) {
		var err error
		db.Database, err = a.Warehouse(ctx)
		return db, err
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	published := make(chan error)
	go func() {
		_, err := p.Publish(ctx, "orders")
		published <- err
	}()
	<-db.stalled
	if _, err := rebuildHere(ctx, a, "orders"); err != nil {
		t.Error(err)
	}
	if err := <-published; err != nil {
		t.Error(err)
	}
	wantAnswer(t, a, "SELECT generation, row_count FROM bursar_tables", "2|4")
}
