// Comparing tables while others publish.

package app

import (
	"context"
	"errors"
	"testing"

	"bursar/internal/warehouse"
	"bursar/internal/warehouse/publish"
)

// comparedDatabase calls between when a comparison has begun.
type comparedDatabase struct {
	warehouse.Database

	between func()
}

func (d *comparedDatabase) Compare(ctx context.Context, fn func(context.Context, warehouse.Stager) error) error {
	return d.Database.Compare(ctx, func(ctx context.Context, r warehouse.Stager) error {
		if _, _, err := r.Table(ctx, "bursar_tables"); err != nil { // from here on it is one state
			return err
		}
		if between := d.between; between != nil {
			d.between = nil
			between()
		}
		return fn(ctx, r)
	})
}

// TestVerifyWhilePublishing ingests, runs and publishes in the midst of a comparison: it does not wait, and the comparison is of the state before.
func TestVerifyWhilePublishing(t *testing.T) {
	forEachWarehouse(t, func(t *testing.T, a *App) {
		pay(t, a, "1 a 10.00", "2 b 20.00")
		runAll(t, a, "orders")
		publishAll(t, a)
		changeWarehouse(t, a, "UPDATE events_payments SET amount = 10.01 WHERE id = '1'")
		p, db := publisher(t, a), &comparedDatabase{}
		p.Open = func(ctx context.Context) (warehouse.Database, error) {
			var err error
			db.Database, err = a.Warehouse(ctx)
			return db, err
		}
		const broken = "SELECT broken FROM bursar_tables WHERE table_name = 'events_payments'"
		db.between = func() {
			pay(t, a, "3 c 30.00")
			publishAll(t, a)
		}
		if v, err := p.Verify(t.Context(), "events_payments"); err != nil || v.Rows != 2 || v.Missing != 1 || v.Other != 1 {
			t.Errorf("%+v, %v", v, err)
		}
		wantAnswer(t, a, broken, "0") // it was published since
		if v, err := p.Verify(t.Context(), "events_payments"); err != nil || v.Rows != 3 || v.Missing != 1 || v.Other != 1 {
			t.Errorf("%+v, %v", v, err)
		}
		wantAnswer(t, a, broken, "2")
		db.between = func() {
			runAll(t, a, "orders")
			publishAll(t, a)
		}
		if _, err := p.Verify(t.Context(), "orders"); !errors.As(err, new(*publish.BehindError)) {
			t.Errorf("a table of artifacts that are not there any more: %v", err)
		}
		if v, err := p.Verify(t.Context(), "orders"); err != nil || !v.OK {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

// TestVerifyRowCounts finds a count of bursar_tables that somebody has changed, until the table is made again.
func TestVerifyRowCounts(t *testing.T) {
	forEachWarehouse(t, func(t *testing.T, a *App) {
		pay(t, a, "1 a 10.00", "2 b 20.00")
		runAll(t, a, "orders")
		publishAll(t, a)
		checkVerified(t, a)
		for i, table := range []string{"events_payments", "orders"} {
			changeWarehouse(t, a, "UPDATE bursar_tables SET row_count = row_count + 3 - "+[]string{"0", "4"}[i]+" WHERE table_name = '"+table+"'")
			list, err := a.VerifyTables(t.Context(), []string{table})
			if err != nil || len(list) != 1 || list[0].OK || list[0].Rows != 2 || list[0].Miscounted != []int64{3, -1}[i] {
				t.Errorf("%+v, %v", list, err)
			}
			wantAnswer(t, a, "SELECT broken FROM bursar_tables WHERE table_name = '"+table+"'", []string{"3", "1"}[i])
			if _, err := a.Publish(t.Context(), PublishOptions{Tables: []string{table}, Again: true}); err != nil {
				t.Fatal(err)
			}
			checkVerified(t, a)
		}
	})
}
