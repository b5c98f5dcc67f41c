// Comparing what a table has of batches with their control totals.

package publish

import (
	"context"
	"fmt"
	"strings"

	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/warehouse"
)

// UnbalancedError reports that a table has other rows or sums than what was published into it (rule 4).
type UnbalancedError struct {
	failure.Unbalanced

	Table, What, Want, Got string
}

func (e *UnbalancedError) Error() string {
	return fmt.Sprintf("control totals do not balance: table %s has %s %s, want %s: somebody has changed the table; `bursar publish --again %[1]s` makes it from the beginning",
		e.Table, e.What, e.Got, e.Want)
}

// checkTotals compares a table with the counts and control totals of batches that were just added to it. Totals of a part of the events are
// left out: their conditions are in the SQL of another database.
func (e *eventsPublication) checkTotals(ctx context.Context, table string, batches []event.Batch, added int64) error {
	want := int64(0)
	for i := range batches {
		want += batches[i].Accepted
	}
	if added != want {
		return &UnbalancedError{Table: table, What: fmt.Sprintf("events of batches %d to %d:", batches[0].Batch, batches[len(batches)-1].Batch), Want: fmt.Sprint(want), Got: fmt.Sprint(added)}
	}
	for i := range e.stream.Totals {
		t := &e.stream.Totals[i]
		if t.Where != "" {
			continue
		}
		if err := e.checkTotal(ctx, table, t, batches); err != nil {
			return err
		}
	}
	return nil
}

func (e *eventsPublication) checkTotal(ctx context.Context, table string, t *project.Total, batches []event.Batch) error {
	sums := event.Totals{t.Name: {}}
	for i := range batches {
		if !batches[i].HasTotals(e.stream, []string{t.Name}) {
			return nil // it was declared later
		}
		now := batches[i].Totals.Now(e.stream)
		if err := sums.Add(event.Totals{t.Name: now[t.Name]}); err != nil {
			return err
		}
	}
	stored, err := e.storedTotal(ctx, table, t, batches)
	if err != nil {
		return err
	}
	if err := sums.Sub(event.Totals{t.Name: stored}); err != nil {
		return err
	}
	for group, difference := range sums[t.Name] {
		if strings.Trim(difference, "-0.") != "" {
			what := fmt.Sprintf("a total %s of batches %d to %d that differs", t.Name, batches[0].Batch, batches[len(batches)-1].Batch)
			return &UnbalancedError{Table: table, What: strings.TrimSpace(what + " " + group), Want: "a difference of 0", Got: "by " + difference}
		}
	}
	return nil
}

// storedTotal sums a measure of the events of batches in a table, by group.
func (e *eventsPublication) storedTotal(ctx context.Context, table string, t *project.Total, batches []event.Batch) (map[string]string, error) {
	group := "''"
	if t.By != "" {
		group = warehouse.Quote(e.db, t.By)
	}
	sql := fmt.Sprintf("SELECT %s AS total_group, sum(%s) AS total FROM %s WHERE %s GROUP BY 1", group, warehouse.Quote(e.db, t.Sum), warehouse.Quote(e.db, table), between(batches))
	stored := map[string]string{}
	err := e.tx.Query(ctx, sql, func(_ []warehouse.Column, rows []column.Vector) error {
		for i := range rows[0].Len() {
			if !rows[1].IsNull(i) {
				stored[string(rows[0].AppendPlain(nil, i))] = string(rows[1].AppendPlain(nil, i))
			}
		}
		return nil
	})
	return stored, err
}
