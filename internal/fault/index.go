// An index whose calls fail by a plan.

package fault

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/artifact"
)

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
