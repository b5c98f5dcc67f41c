// Validation: everything is read and checked, and nothing is changed.

package load

import (
	"context"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// Validate reads all objects of a load and checks them and the table as Run does. It changes nothing. The result counts everything that was
// read. Too many rejected rows, and objects that cannot be read, are an error.
func (l *Loader) Validate(ctx context.Context, declared *project.Load, o Options) (Result, error) {
	began := l.config.Now()
	r, err := l.begin(ctx, declared, o)
	if err != nil {
		return Result{}, err
	}
	r.validating = true
	if err = r.plan(ctx); err == nil {
		err = r.validate(ctx)
	}
	return r.finished(began, err), r.failed(err)
}

func (r *run) validate(ctx context.Context) error {
	r.todo = r.all
	slices.SortFunc(r.todo, func(a, b Object) int { return strings.Compare(a.Name, b.Name) })
	rd := r.read(ctx, r.todo, 0, 0)
	rd.each(func([]column.Vector, error) bool { return true })
	defer func() { _ = rd.rejected.close() }() // a leftover in the scratch folder loses no data
	if rd.err != nil {
		return rd.err
	}
	s := sumOf(rd.done)
	r.noteGroup(s, rd)
	r.noteAdded()
	if err := r.checkErrors(s, rd.rejected.first); err != nil {
		return err
	}
	for _, f := range rd.faults {
		if f.damaged {
			return failure.Wrap(failure.Data, f)
		}
	}
	return nil
}
