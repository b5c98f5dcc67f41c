// How often a publication reads what it has added.

package app

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"bursar/internal/column"
	"bursar/internal/warehouse"
)

// countedDatabase counts the queries of its last write that read the events of some batches.
type countedDatabase struct {
	warehouse.Database

	reads int
}

func (d *countedDatabase) Write(ctx context.Context, fn func(context.Context, warehouse.Tx) error) error {
	return d.Database.Write(ctx, func(ctx context.Context, tx warehouse.Tx) error {
		d.reads = 0
		return fn(ctx, countedTx{tx, d})
	})
}

type countedTx struct {
	warehouse.Tx

	db *countedDatabase
}

func (t countedTx) Query(ctx context.Context, sql string, each func(columns []warehouse.Column, rows []column.Vector) error) error {
	if strings.Contains(sql, "_batch BETWEEN") {
		t.db.reads++
	}
	return t.Tx.Query(ctx, sql, each)
}

// TestPublishReadsSumsOnce adds many batches in one transaction: the events in the table are read once for each total, not again for each
// group of batches, because a database may scan the whole transaction each time.
func TestPublishReadsSumsOnce(t *testing.T) {
	t.Parallel()
	a := openSmall(t, ordersYAML)
	const batches = 150
	for n := range batches {
		pay(t, a, fmt.Sprintf("%d a 1.50", n))
	}
	p, counted := publisher(t, a), &countedDatabase{}
	p.GroupRows = batches
	p.Open = func(ctx context.Context) (warehouse.Database, error) {
		var err error
		counted.Database, err = a.Warehouse(ctx)
		return counted, err
	}
	if r, err := p.Publish(t.Context(), "events_payments"); err != nil || r.Rows != batches || r.More {
		t.Fatalf("%+v, %v", r, err)
	}
	if counted.reads != len(a.Project.Stream("payments").Totals) {
		t.Errorf("the events in the table are read %d times", counted.reads)
	}
	wantAnswer(t, a, "SELECT count(*), sum(events) FROM bursar_batches", fmt.Sprintf("%d|%d", batches, batches))
}
