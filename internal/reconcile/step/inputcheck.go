// What a step checks before it uses stored objects: the bytes of events, deltas and states, and that their sums are those that
// were sealed (rule 4).

package step

import (
	"context"
	"fmt"
	"slices"

	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/fold"
	"bursar/internal/object"
	"bursar/internal/reconcile/runs"
)

// checkDerived compares the objects that earlier steps made for a partition with their descriptions in the catalog.
func (e *Executor) checkDerived(ctx context.Context, run *runs.Run, partition int, steps ...runs.StepName) error {
	for _, step := range steps {
		err := object.CheckAll(ctx, e.Objects, run.Objects(step, partition), e.Workers)
		if object.IsDamage(err) {
			return &derivedError{fmt.Errorf("read what %s made: %w; the run starts again from the events", step, err)}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sumEvents sums the control totals that no conserve entry covers, over a partition's share of the objects.
func (e *Executor) sumEvents(ctx context.Context, session *duck.Session, plan *fold.Plan, batches []event.Batch, run *runs.Run, partition int) (event.Totals, error) {
	all := event.Totals{}
	for _, s := range plan.Events.Streams {
		names, own := summedNames(plan, s.Name), event.FilterStream(partitionObjects(batches, run, partition), s.Name)
		if len(names) == 0 || len(own) == 0 {
			continue
		}
		sums, err := event.SumTotals(ctx, session, s, event.ViewSQL(e.Objects, s, own), names)
		if err != nil {
			return nil, err
		}
		for name, groups := range sums {
			all[qualifiedName(s.Name, name)] = groups
		}
	}
	return all, nil
}

// checkSums compares the sums of all partitions with the totals that the batches were sealed with, if these have the same
// definitions.
func (e *Executor) checkSums(ctx context.Context, plan *fold.Plan, run *runs.Run, sums event.Totals) error {
	batches, err := runs.ReadBatches(ctx, e.Catalog, e.Project, run)
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
			if err := CompareTotals(runs.StepReduce, name, s.TotalType(s.Total(name)).Scale, want[name], sums[qualifiedName(s.Name, name)]); err != nil {
				return err
			}
		}
	}
	return nil
}

// qualifiedName is unique among the totals of all streams.
func qualifiedName(stream, name string) string { return stream + "." + name }

// partitionObjects returns the batches with only every n-th of all their objects, for n partitions, starting with the partition's.
func partitionObjects(batches []event.Batch, run *runs.Run, partition int) []event.Batch {
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

// summedNames lists the totals of a stream that no conserve entry covers: reduce sums them over the events.
func summedNames(plan *fold.Plan, stream string) (names []string) {
	for _, t := range plan.Events.Stream(stream).Totals {
		if !slices.ContainsFunc(plan.Conserve, func(c fold.Conserved) bool { return c.Total == t.Name }) {
			names = append(names, t.Name)
		}
	}
	return names
}
