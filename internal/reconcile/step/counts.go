// Counts of what reduce reads: values of folds, and events without a key.

package step

import (
	"context"
	"fmt"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/fold"
	"bursar/internal/object"
	"bursar/internal/reconcile/runs"
)

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
