// An object store, a catalog and an index whose calls fail by a plan.

package fault

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
	"bursar/internal/object"
)

// Objects wraps a store. Its files do not fail.
func Objects(store object.Local, plan *Plan) object.Local { return &objects{inner: store, plan: plan} }

type objects struct {
	inner object.Local
	plan  *Plan
}

func (o *objects) Files() object.Files { return o.inner.Files() }

func (o *objects) Create(ctx context.Context, name string) (object.Writer, error) {
	return o.create(name, func() (object.Writer, error) { return o.inner.Create(ctx, name) })
}

func (o *objects) CreateNew(ctx context.Context, name string) (object.Writer, error) {
	return o.create(name, func() (object.Writer, error) { return o.inner.CreateNew(ctx, name) })
}

func (o *objects) create(name string, create func() (object.Writer, error)) (object.Writer, error) {
	v := o.plan.call("create object", name)
	if err := v.errBefore(); err != nil {
		return nil, err
	}
	w, err := create()
	if err != nil {
		return nil, err
	}
	if v.after != nil {
		// The caller gets no writer to abort. A living process leaves nothing behind, a dead one its unfinished object.
		if o.plan.crashErr() == nil {
			return nil, errors.Join(v.after, w.Abort())
		}
		return nil, v.after
	}
	return &writer{inner: w, plan: o.plan, name: name}, nil
}

func (o *objects) Open(ctx context.Context, name string) (object.Reader, error) {
	return o.open(name, func() (object.Reader, error) { return o.inner.Open(ctx, name) })
}

func (o *objects) OpenSized(ctx context.Context, name string, size int64) (object.Reader, error) {
	return o.open(name, func() (object.Reader, error) { return o.inner.OpenSized(ctx, name, size) })
}

func (o *objects) open(name string, open func() (object.Reader, error)) (object.Reader, error) {
	v := o.plan.call("open object", name)
	if err := v.errBefore(); err != nil {
		return nil, err
	}
	r, err := open()
	switch {
	case v.after != nil && err != nil:
		return nil, v.after // the caller does not learn whether the object exists
	case v.after != nil:
		return nil, errors.Join(v.after, r.Close())
	case err != nil:
		return nil, err
	}
	return &reader{Reader: r, plan: o.plan, name: name}, nil
}

func (o *objects) List(ctx context.Context, prefix string) ([]string, error) {
	var names []string
	err := o.plan.around("list objects", prefix, func() (err error) {
		names, err = o.inner.List(ctx, prefix)
		return err
	})
	if err != nil {
		return nil, err
	}
	return names, nil
}

func (o *objects) Delete(ctx context.Context, name string) error {
	return o.plan.around("delete object", name, func() error { return o.inner.Delete(ctx, name) })
}

// writer fails Commit after a failed Write, as object.Writer demands.
type writer struct {
	inner    object.Writer
	plan     *Plan
	name     string
	writeErr error // of the failed Write
}

func (w *writer) Write(block []byte) (int, error) {
	v := w.plan.call("write object", w.name)
	if v.dead != nil {
		return 0, v.dead
	}
	if v.before != nil {
		w.writeErr = v.before
		n, err := w.inner.Write(block[:len(block)/2])
		return n, errors.Join(v.before, err)
	}
	n, err := w.inner.Write(block)
	w.writeErr = cmp.Or(w.writeErr, v.after)
	return n, errors.Join(v.after, err)
}

func (w *writer) Commit() error {
	v := w.plan.call("commit object", w.name)
	if err := cmp.Or(v.errBefore(), w.writeErr); err != nil {
		return errors.Join(err, w.abort())
	}
	return errors.Join(w.inner.Commit(), v.after)
}

func (w *writer) Abort() error {
	if err := w.plan.crashErr(); err != nil {
		return err
	}
	return w.inner.Abort()
}

// abort does what a failed Commit does in a living process.
func (w *writer) abort() error {
	if w.plan.crashErr() != nil {
		return nil //nolint:nilerr // a dead process discards nothing
	}
	return w.inner.Abort()
}

// reader never fails Close by the plan: the system closes the files of a dead process, too.
type reader struct {
	object.Reader
	plan *Plan
	name string
}

func (r *reader) ReadAt(block []byte, at int64) (int, error) {
	v := r.plan.call("read object", r.name)
	if err := v.errBefore(); err != nil {
		return 0, err
	}
	n, err := r.Reader.ReadAt(block, at)
	if v.after != nil {
		return 0, v.after
	}
	return n, err
}

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
