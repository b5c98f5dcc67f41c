// What a step makes sure of before it trusts what lies in the stores: the bytes of events, deltas and states, and that their
// sums are those that were sealed (rule 4).

package reconcile

import (
	"context"
	"fmt"

	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/fold"
	"bursar/internal/object"
)

// derivedError says that what a step made is damaged or gone. It can be made again from the events, so the run starts again.
type derivedError struct{ error }

func (e *derivedError) Unwrap() error { return e.error }

// Class is Transient: the next attempt makes it anew.
func (e *derivedError) Class() failure.Class { return failure.Transient }

// checkDerived compares what a run's earlier steps made of a partition with what the catalog says.
func (e *Engine) checkDerived(ctx context.Context, run *Run, partition int, steps ...string) error {
	for _, step := range steps {
		err := object.CheckAll(ctx, e.Objects, run.objects(step, partition), e.Workers)
		if object.IsDamage(err) {
			return &derivedError{fmt.Errorf("read what %s made: %w; the run starts again from the events", step, err)}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sumEvents sums those control totals of a partition's part of the objects that no conserve entry follows.
func (e *Engine) sumEvents(ctx context.Context, session *duck.Session, plan *fold.Plan, batches []event.Batch, run *Run, partition int) (event.Totals, error) {
	all := event.Totals{}
	for _, s := range plan.Events.Streams {
		names, own := summedNames(plan, s.Name), event.FilterStream(dealt(batches, run, partition), s.Name)
		if len(names) == 0 || len(own) == 0 {
			continue
		}
		sums, err := event.SumTotals(ctx, session, s, event.ViewSQL(e.Objects, s, own), names)
		if err != nil {
			return nil, err
		}
		if err := all.Add(named(s.Name, sums)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// checkSums compares the sums of all partitions with the totals that the batches were sealed with, as far as these are of the
// same definitions.
func (e *Engine) checkSums(ctx context.Context, plan *fold.Plan, run *Run, sums event.Totals) error {
	batches, err := e.batchesOf(ctx, run)
	if err != nil {
		return err
	}
	for _, s := range plan.Events.Streams {
		own := event.FilterStream(batches, s.Name)
		for _, name := range summedNames(plan, s.Name) {
			want, same := event.Totals{}, true
			for i := range own {
				same = same && own[i].HasTotals(s, []string{name})
				if err := want.Add(event.Totals{name: own[i].TotalsNow(s)[name]}); err != nil {
					return err
				}
			}
			if !same {
				continue
			}
			if err := compareTotals("reduce", name, s.TotalType(s.Total(name)).Scale, want[name], sums[totalOf(s.Name, name)]); err != nil {
				return err
			}
		}
	}
	return nil
}

// named are a stream's totals under names that no other stream's totals have.
func named(stream string, totals event.Totals) event.Totals {
	out := event.Totals{}
	for name, groups := range totals {
		out[totalOf(stream, name)] = groups
	}
	return out
}

func totalOf(stream, name string) string { return stream + "." + name }

// dealt are the batches with every partitions-th of all their objects only, beginning with the partition's.
func dealt(batches []event.Batch, run *Run, partition int) []event.Batch {
	if run.Partitions == 1 {
		return batches
	}
	out, n := make([]event.Batch, len(batches)), 0
	for i, b := range batches {
		out[i] = b
		out[i].Objects = nil
		for _, o := range b.Objects {
			if n%run.Partitions == partition {
				out[i].Objects = append(out[i].Objects, o)
			}
			n++
		}
	}
	return out
}
