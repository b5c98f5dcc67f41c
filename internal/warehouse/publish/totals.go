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

// checkCount compares the number of rows that were added with the events of their batches.
func checkCount(table string, batches []event.Batch, added int64) error {
	want := int64(0)
	for i := range batches {
		want += batches[i].Accepted
	}
	if added == want {
		return nil
	}
	what := fmt.Sprintf("events of batches %d to %d:", batches[0].Batch, batches[len(batches)-1].Batch)
	return &UnbalancedError{Table: table, What: what, Want: fmt.Sprint(want), Got: fmt.Sprint(added)}
}

// wantedTotal is what batches that were added to a table have of a control total.
type wantedTotal struct {
	total *project.Total
	first uint64 // the batches before were sealed without it: it was declared later
	sums  map[string]string
}

// wantedTotals returns the control totals of a stream that are compared, of no batches. Totals of a part of the events are left out: their
// conditions are in the SQL of another database.
func (e *eventsPublication) wantedTotals(first uint64) (list []wantedTotal) {
	for i := range e.stream.Totals {
		if t := &e.stream.Totals[i]; t.Where == "" {
			list = append(list, wantedTotal{t, first, map[string]string{}})
		}
	}
	return list
}

// add adds the control totals of batches.
func (w *wantedTotal) add(s *project.Stream, batches []event.Batch) error {
	name := w.total.Name
	for i := range batches {
		b := &batches[i]
		if !b.HasTotals(s, []string{name}) {
			w.first, w.sums = b.Batch+1, map[string]string{}
			continue
		}
		if err := (event.Totals{name: w.sums}).Add(event.Totals{name: b.Totals.Now(s)[name]}); err != nil {
			return err
		}
	}
	return nil
}

// checkTotal compares a total of the batches up to one, which were just added to a table, with the sums in it.
func (e *eventsPublication) checkTotal(ctx context.Context, w wantedTotal, last uint64) error {
	if w.first > last {
		return nil
	}
	stored, err := e.storedTotal(ctx, w.total, between(w.first, last))
	if err != nil {
		return err
	}
	name := w.total.Name
	if err := (event.Totals{name: w.sums}).Sub(event.Totals{name: stored}); err != nil {
		return err
	}
	differ := 0
	for _, difference := range w.sums {
		if strings.Trim(difference, "-0.") != "" {
			differ++
		}
	}
	if differ == 0 {
		return nil
	}
	what := fmt.Sprintf("a total %s of batches %d to %d that differs", name, w.first, last)
	if w.total.By != "" { // groups are values, which errors do not contain (rule 7)
		what += " by " + w.total.By
	}
	return &UnbalancedError{Table: e.table, What: what + " in", Want: "none", Got: fmt.Sprintf("%d of %d sums", differ, len(w.sums))}
}

// storedTotal sums a measure of some events in a table, by group.
func (e *eventsPublication) storedTotal(ctx context.Context, t *project.Total, where string) (map[string]string, error) {
	group, exact := "''", "1"
	if by := e.stream.Column(t.By); by != nil {
		columns := []column.Field{{Name: t.By, Type: by.Type}}
		group, exact = warehouse.QuoteAll(e.db, columns), warehouse.ExactList(e.db, columns)
	}
	sql := fmt.Sprintf("SELECT %s AS total_group, sum(%s) AS total FROM %s WHERE %s GROUP BY %s", group, warehouse.Quote(e.db, t.Sum), warehouse.Quote(e.db, e.table), where, exact)
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
