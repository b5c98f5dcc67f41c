// What a step checks before it uses stored objects: the bytes of events, deltas and states, that their sums are those that were sealed
// (rule 4), and the length of keys.

package step

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/event/scan"
	"bursar/internal/failure"
	"bursar/internal/fold"
	"bursar/internal/object"
	"bursar/internal/project"
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
func (e *Executor) sumEvents(ctx context.Context, files object.Files, session *duck.Session, plan *fold.Plan, batches []event.Batch, run *runs.Run, partition int) (event.Totals, error) {
	all := event.Totals{}
	for _, s := range plan.Events.Streams {
		names, own := summedNames(plan, s.Name), event.FilterStream(partitionObjects(batches, run, partition), s.Name)
		if len(names) == 0 || len(own) == 0 {
			continue
		}
		view := event.ViewSQL(files, s, own)
		if err := files.Pin(ctx); err != nil {
			return nil, err
		}
		sums, err := event.SumTotals(ctx, session, s, view, names)
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
				if err := want.Add(event.Totals{name: own[i].Totals.Now(s)[name]}); err != nil {
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

// errLongKey reports that a value of a key is longer than allowed.
var errLongKey = failure.Wrap(failure.Data, errors.New("a key is too long"))

// boundedByReduce reports whether intake may have accepted longer values of a key column: those of an expression, or events that
// were ingested before a pipeline had the column in its key.
func boundedByReduce(k *project.KeyColumn) bool {
	for _, part := range k.Parts {
		if part.Optional && k.Type.Kind == column.String {
			return true
		}
	}
	return false
}

func checkKeys(plan *fold.Plan, rows []column.Vector) error {
	for c := range plan.Events.Key {
		if !boundedByReduce(&plan.Events.Key[c]) {
			continue
		}
		for i := range rows[c].Len() {
			if len(rows[c].Text(i)) > scan.MaxKey {
				return errLongKey
			}
		}
	}
	return nil
}

// longKey finds the first event with a key that is too long, in the order of streams, files and rows. The error contains the place of
// the event but not the key, because it is written to the histories of workflows (rule 7).
func (s *eventSearch) longKey(ctx context.Context) error {
	stream := duck.Literal(s.plan.Events.Streams[0].Name)
	if s.plan.Events.Several() {
		stream = project.StreamColumn
	}
	for i := range s.plan.Events.Key {
		k := &s.plan.Events.Key[i]
		if !boundedByReduce(k) {
			continue
		}
		name, from, at, bytes := column.QuoteIdentifier(k.Event), "", event.Place{}, int64(0)
		sql := fmt.Sprintf("SELECT %s, %s, %s, strlen(%s) FROM events WHERE strlen(%s) > %d ORDER BY ALL LIMIT 1",
			stream, event.FileColumn, event.RowColumn, name, name, scan.MaxKey)
		err := s.e.Query(ctx, s.files, s.views(nil, s.batches, "true"), sql, func(rows []column.Vector) error {
			from, at, bytes = string(rows[0].Text(0)), event.Place{File: uint64(rows[1].Ints[0]), Row: rows[2].Ints[0]}, rows[3].Ints[0]
			return nil
		})
		if err == nil && from == "" {
			continue
		}
		place := ""
		if err == nil {
			place, err = s.e.eventPlace(ctx, s.plan.Events.Stream(from), s.batches, at.File, at.Row)
		}
		if err != nil {
			return err
		}
		p := s.plan.Pipeline
		return failure.Wrap(failure.Data, fmt.Errorf("key column %q of the event in %s is %d bytes long: the limit is 4 KiB; "+
			"nothing of this run is visible: have the key in %s cut it off, as left(…) does, or digest it, as md5(…) does, "+
			"and run `bursar rebuild %s`", k.Name, place, bytes, p.File, p.Name))
	}
	return s.cause
}
