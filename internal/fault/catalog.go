// A catalog whose transactions fail by a plan.

package fault

import (
	"context"
	"errors"

	"bursar/internal/catalog"
)

// Catalog wraps a catalog. A transaction counts as one call; a failed Update calls its fn and then writes all or nothing. Each
// Update calls its fn twice, as a catalog may (see catalog.Catalog), to expose an fn with other effects.
// The change feed of c is passed on.
func Catalog(c catalog.Catalog, plan *Plan) catalog.Catalog {
	t := &transactions{inner: c, plan: plan}
	if watcher, ok := c.(catalog.Watcher); ok {
		return watched{t, watcher}
	}
	return t
}

type watched struct {
	*transactions
	catalog.Watcher
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
		// fn is called first, because the commit fails and not the writes before it.
		return errors.Join(fn(tx), c.plan.preventEffect(v))
	})
	return errors.Join(err, v.after)
}

// errConflict rolls a transaction back.
var errConflict = errors.New("conflict with another transaction")

// conflict calls fn and writes nothing, like a catalog that has to repeat a transaction.
func (c *transactions) conflict(ctx context.Context, fn func(catalog.Tx) error) error {
	err := c.inner.Update(ctx, func(tx catalog.Tx) error { return errors.Join(fn(tx), errConflict) })
	if errors.Is(err, errConflict) {
		return nil // the second call of fn returns its error again
	}
	return err
}

func (c *transactions) View(ctx context.Context, fn func(catalog.Tx) error) error {
	return c.plan.around("view", "catalog", func() error { return c.inner.View(ctx, fn) })
}

// Close never fails by the plan: the system closes the files of a dead process, too.
func (c *transactions) Close() error { return c.inner.Close() }
