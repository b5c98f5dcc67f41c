// The models of the project, which are made in its warehouse, and the control totals that they are tested against.

package app

import (
	"context"
	"fmt"
	"time"

	"bursar/internal/app/marker"
	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/failure"
	models "bursar/internal/warehouse/model"
)

// Models returns what runs and tests the models of the project. All models are refused if one has a fault.
func (a *App) Models(ctx context.Context) (*models.Runner, error) {
	if a.warehouseFaults != nil {
		return nil, a.warehouseFaults
	}
	id, err := marker.ID(ctx, a.catalog)
	if err != nil {
		return nil, err
	}
	return &models.Runner{Project: a.Project, ProjectID: id, Open: a.awaitWarehouse, Now: time.Now, Duck: checkOptions, Totals: controlTotals{a}}, nil
}

// controlTotals reads the control totals of sealed batches.
type controlTotals struct{ app *App }

// totalsAtOnce bounds the batches that one transaction reads.
const totalsAtOnce = 256

func (c controlTotals) Published(ctx context.Context, stream, total string, through, retraction uint64) (map[string]string, error) {
	sums := event.Totals{total: {}}
	for first := uint64(1); first <= through; first += totalsAtOnce {
		err := c.app.Events.Catalog.View(ctx, func(tx catalog.Tx) error {
			return c.add(tx, sums, stream, total, first, min(through, first+totalsAtOnce-1), retraction)
		})
		if err != nil {
			return nil, fmt.Errorf("read control total %s.%s: %w", stream, total, err)
		}
	}
	return sums[total], nil
}

// add adds the totals of some batches.
func (c controlTotals) add(tx catalog.Tx, sums event.Totals, stream, total string, first, last, retraction uint64) error {
	s := c.app.Project.Stream(stream)
	for n := first; n <= last; n++ {
		b, err := event.GetFolded(tx, s, stream, n, retraction)
		if err != nil {
			return err
		}
		if !b.HasTotals(s, []string{total}) {
			return failure.Wrap(failure.Data, fmt.Errorf("batch %d was sealed before the total was declared", n))
		}
		if err := sums.Add(event.Totals{total: b.Totals.Now(s)[total]}); err != nil {
			return err
		}
	}
	return nil
}
