// The step reduce: folds the events of a run to one delta row per key, and counts what it reads.

package step

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/column"
	"bursar/internal/decimal"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/fold"
	"bursar/internal/object"
	"bursar/internal/reconcile/runs"
)

// reduce folds the events of a partition to one delta row per key, and counts them: none may be lost or doubled (rule 4).
func (e *Executor) reduce(ctx context.Context, plan *fold.Plan, run *runs.Run, partition int) (share runs.Share, err error) {
	batches, err := runs.ReadBatches(ctx, e.Catalog, e.Project, run)
	if err != nil {
		return share, err
	}
	for i := range batches { // the definition may have changed since the run was planned
		if err := batches[i].CheckGrowth(plan.Events.Stream(batches[i].Stream)); err != nil {
			return share, err
		}
	}
	// Check all objects that the partition reads: they may have been damaged since another partition checked them.
	if err := event.CheckObjects(ctx, e.Objects, batches, e.Workers); err != nil {
		return share, err
	}
	files := e.Objects.Files()
	defer files.Release()
	events := event.FoldedSQL(files, plan.Events, batches)
	session, err := e.OpenViews(ctx, files, map[string]string{"events": partitionSQL(events, plan.Events.Key, run, partition)})
	if err != nil {
		return share, err
	}
	defer session.Close()
	out := newTable(ctx, e.Objects, run.ObjectName("delta", partition), plan.DeltaFields())
	defer out.abort()
	err = session.QueryEstimated(ctx, run.Events, plan.Reduce, func(rows []column.Vector) error {
		for _, n := range rows[len(plan.Key)].Ints {
			share.Events += n
		}
		if err := errors.Join(checkDigits(rows), checkKeys(plan, rows)); err != nil {
			return err
		}
		return out.add(rows)
	})
	if err != nil {
		return share, e.failingEvent(ctx, files, plan, run, partition, err)
	}
	if share.Totals, err = e.sumEvents(ctx, files, session, plan, batches, run, partition); err != nil {
		return share, err
	}
	if share.FoldCounts, err = countFolds(ctx, session, plan, share.Events); err != nil {
		return share, err
	}
	if share.Unkeyed, err = CountUnkeyed(ctx, files, session, plan, partitionObjects(batches, run, partition)); err != nil {
		return share, err
	}
	share.Objects, err = out.finish()
	share.Rows = out.total
	return share, err
}

// errDigits reports a sum that does not fit DECIMAL(38,s). Class Data: the same events have the same sum.
var errDigits = failure.Wrap(failure.Data, errors.New("a sum does not fit 38 digits"))

// checkDigits rejects a sum that does not fit DECIMAL(38,s): DuckDB's 128 bits would hold some more (rule 2).
func checkDigits(rows []column.Vector) error {
	for c := range rows {
		for _, n := range rows[c].Wide {
			if !decimal.Fits38(n) {
				return errDigits
			}
		}
	}
	return nil
}

// countFolds counts the values of folds over the events of a session.
func countFolds(ctx context.Context, session *duck.Session, plan *fold.Plan, events int64) (*runs.FoldCounts, error) {
	sql, names, matched := plan.CountsSQL()
	if sql == "" {
		return nil, nil
	}
	given := &runs.FoldCounts{Events: events, Values: map[string]int64{}, Matched: map[string]int64{}}
	err := session.QueryEstimated(ctx, 1, sql, func(rows []column.Vector) error {
		if err := column.CheckCount(rows, len(names)+len(matched)); err != nil {
			return err
		}
		for i, name := range names {
			given.Values[name] = rows[i].Ints[0]
		}
		for i, name := range matched {
			given.Matched[name] = rows[len(names)+i].Ints[0]
		}
		return nil
	})
	return given, err
}

// CountUnkeyed counts and sums those events of batches that have no key.
func CountUnkeyed(ctx context.Context, files object.Files, session *duck.Session, plan *fold.Plan, batches []event.Batch) (found runs.Unkeyed, err error) {
	for _, s := range plan.Events.Streams {
		own := event.FilterStream(batches, s.Name)
		if len(own) == 0 || plan.Events.Unkeyed(s.Name) == "" {
			continue
		}
		view, totals := event.UnkeyedSQL(files, plan.Events, s, own), runs.UnkeyedTotals{Definitions: event.TotalDefinitions(s)}
		if err := files.Pin(ctx); err != nil {
			return nil, err
		}
		err := session.QueryEstimated(ctx, 1, "SELECT count(*) FROM ("+view+")", func(rows []column.Vector) error {
			totals.Events += rows[0].Ints[0]
			return nil
		})
		if err != nil || totals.Events == 0 {
			if err != nil {
				return nil, fmt.Errorf("count events of %s without a key: %w", s.Name, err)
			}
			continue
		}
		var names []string
		for i := range s.Totals {
			names = append(names, s.Totals[i].Name)
		}
		if totals.Totals, err = event.SumTotals(ctx, session, s, view, names); err != nil {
			return nil, fmt.Errorf("sum events of %s without a key: %w", s.Name, err)
		}
		if found == nil {
			found = runs.Unkeyed{}
		}
		found[s.Name] = totals
	}
	return found, nil
}
