// A catalog and an index whose calls fail by a plan.

package fault

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/artifact"
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

// Index wraps an index.
func Index(x artifact.Index, plan *Plan) artifact.Index {
	return &index{inner: x, plan: plan}
}

type index struct {
	inner artifact.Index
	plan  *Plan
}

func (x *index) Load(ctx context.Context, space artifact.Space, run uint64, next func() (artifact.Entry, bool, error)) error {
	v := x.plan.call("load index", spaceName(space))
	if v.dead != nil {
		return v.dead
	}
	err := x.inner.Load(ctx, space, run, func() (artifact.Entry, bool, error) {
		e, ok, err := next()
		if err == nil && !ok {
			err = x.plan.preventEffect(v) // all entries are passed, but not committed
		}
		return e, ok, err
	})
	return errors.Join(err, v.after)
}

func (x *index) Find(ctx context.Context, space artifact.Space, asOf uint64, keys [][]byte, found func(i int, e artifact.Entry) error) error {
	return x.fail("find", space, func() error { return x.inner.Find(ctx, space, asOf, keys, found) })
}

func (x *index) Scan(ctx context.Context, space artifact.Space, asOf uint64, each func(e artifact.Entry) error) error {
	return x.fail("scan", space, func() error { return x.inner.Scan(ctx, space, asOf, each) })
}

func (x *index) Loads(ctx context.Context, space artifact.Space, each func(run uint64, entries int64) error) error {
	return x.fail("list loads of", space, func() error { return x.inner.Loads(ctx, space, each) })
}

func (x *index) History(ctx context.Context, space artifact.Space, asOf uint64, key []byte, each func(e artifact.Entry) error) error {
	return x.fail("history", space, func() error { return x.inner.History(ctx, space, asOf, key, each) })
}

func (x *index) Drop(ctx context.Context, space artifact.Space) error {
	return x.fail("drop", space, func() error { return x.inner.Drop(ctx, space) })
}

// Close never fails by the plan: the system closes the files of a dead process, too.
func (x *index) Close() error { return x.inner.Close() }

func (x *index) fail(verb string, space artifact.Space, do func() error) error {
	return x.plan.around(verb+" index", spaceName(space), do)
}

func spaceName(space artifact.Space) string {
	return fmt.Sprintf("%s/g%d", space.Pipeline, space.Generation)
}
