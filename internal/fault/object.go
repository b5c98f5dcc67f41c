// object.go fails the calls of an object store.

package fault

import (
	"cmp"
	"context"
	"errors"

	"bursar/internal/object"
)

// Objects wraps a store. What it returns is an object.Local when the store is one.
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
	v := o.plan.call("create object", name)
	if err := v.early(); err != nil {
		return nil, err
	}
	w, err := o.inner.Create(ctx, name)
	if err != nil {
		return nil, err
	}
	if v.after != nil {
		// The caller has no writer to abort: a living process leaves nothing, a dead one its unfinished object.
		if o.plan.dead() == nil {
			return nil, errors.Join(v.after, w.Abort())
		}
		return nil, v.after
	}
	return &writer{inner: w, plan: o.plan, name: name}, nil
}

func (o *objects) Open(ctx context.Context, name string) (object.Reader, error) {
	v := o.plan.call("open object", name)
	if err := v.early(); err != nil {
		return nil, err
	}
	r, err := o.inner.Open(ctx, name)
	switch {
	case v.after != nil && err != nil:
		return nil, v.after // nobody is told whether the object is there
	case v.after != nil:
		return nil, errors.Join(v.after, r.Close())
	case err != nil:
		return nil, err
	}
	return &reader{inner: r, plan: o.plan, name: name}, nil
}

func (o *objects) List(ctx context.Context, prefix string) ([]string, error) {
	v := o.plan.call("list objects", prefix)
	if err := v.early(); err != nil {
		return nil, err
	}
	names, err := o.inner.List(ctx, prefix)
	if v.after != nil {
		return nil, errors.Join(v.after, err)
	}
	return names, err
}

func (o *objects) Delete(ctx context.Context, name string) error {
	v := o.plan.call("delete object", name)
	if err := v.early(); err != nil {
		return err
	}
	return errors.Join(o.inner.Delete(ctx, name), v.after)
}

// writer keeps the rule that after a failed Write, Commit fails.
type writer struct {
	inner object.Writer
	plan  *Plan
	name  string
	torn  error // of the failed Write
}

func (w *writer) Write(block []byte) (int, error) {
	v := w.plan.call("write object", w.name)
	if v.dead != nil {
		return 0, v.dead
	}
	if v.before != nil {
		w.torn = v.before
		n, err := w.inner.Write(block[:len(block)/2])
		return n, errors.Join(v.before, err)
	}
	n, err := w.inner.Write(block)
	w.torn = cmp.Or(w.torn, v.after)
	return n, errors.Join(v.after, err)
}

func (w *writer) Commit() error {
	v := w.plan.call("commit object", w.name)
	if err := cmp.Or(v.early(), w.torn); err != nil {
		return errors.Join(err, w.giveUp())
	}
	return errors.Join(w.inner.Commit(), v.after)
}

func (w *writer) Abort() error {
	if err := w.plan.dead(); err != nil {
		return err
	}
	return w.inner.Abort()
}

// giveUp does what a failing Commit does in a process that lives.
func (w *writer) giveUp() error {
	if w.plan.dead() != nil {
		return nil //nolint:nilerr // a dead process gives nothing up, and fails nobody by it
	}
	return w.inner.Abort()
}

type reader struct {
	inner object.Reader
	plan  *Plan
	name  string
}

func (r *reader) ReadAt(block []byte, at int64) (int, error) {
	v := r.plan.call("read object", r.name)
	if err := v.early(); err != nil {
		return 0, err
	}
	n, err := r.inner.ReadAt(block, at)
	if v.after != nil {
		return 0, v.after
	}
	return n, err
}

func (r *reader) Size() int64 { return r.inner.Size() }

// Close always closes: the death of a process closes its files too.
func (r *reader) Close() error { return r.inner.Close() }
