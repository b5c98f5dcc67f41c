// catalog.go fails the transactions of a catalog.

package fault

import (
	"context"
	"errors"

	"bursar/internal/catalog"
)

// Catalog wraps a catalog. A transaction is one call; a failed Update ran its fn and then wrote all or nothing. Each Update
// calls its fn twice, as a catalog may (see catalog.Catalog), so that an fn with other effects shows.
func Catalog(c catalog.Catalog, plan *Plan) catalog.Catalog {
	return &transactions{inner: c, plan: plan}
}

type transactions struct {
	inner catalog.Catalog
	plan  *Plan
}

func (c *transactions) Update(ctx context.Context, fn func(catalog.Tx) error) error {
	v := c.plan.call("update", "catalog")
	if v.dead != nil {
		return v.dead
	}
	if err := c.conflict(ctx, fn); err != nil {
		return err
	}
	err := c.inner.Update(ctx, func(tx catalog.Tx) error {
		// The commit fails, not the writes before it: fn has run.
		return errors.Join(fn(tx), c.plan.undo(v))
	})
	return errors.Join(err, v.after)
}

// errConflict rolls a transaction back.
var errConflict = errors.New("conflict with another transaction")

// conflict calls fn and writes nothing, as a catalog does whose transaction has to be tried again.
func (c *transactions) conflict(ctx context.Context, fn func(catalog.Tx) error) error {
	err := c.inner.Update(ctx, func(tx catalog.Tx) error { return errors.Join(fn(tx), errConflict) })
	if errors.Is(err, errConflict) {
		return nil // what else fn says it says again
	}
	return err
}

func (c *transactions) View(ctx context.Context, fn func(catalog.Tx) error) error {
	v := c.plan.call("view", "catalog")
	if err := v.early(); err != nil {
		return err
	}
	return errors.Join(c.inner.View(ctx, fn), v.after)
}

// Close always closes: the death of a process closes its files too.
func (c *transactions) Close() error { return c.inner.Close() }
