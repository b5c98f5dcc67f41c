// An object store whose calls fail by a plan.

package fault

import (
	"cmp"
	"context"
	"errors"

	"bursar/internal/object"
)

// Objects wraps a store. The result implements object.Local if the store does.
func Objects(store object.Store, plan *Plan) object.Store {
	wrapped := &objects{inner: store, plan: plan}
	if local, ok := store.(object.Local); ok {
		return &localObjects{objects: wrapped, Local: local}
	}
	return wrapped
}

type objects struct {
	inner object.Store
	plan  *Plan
}

type localObjects struct {
	*objects
	object.Local
}

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
