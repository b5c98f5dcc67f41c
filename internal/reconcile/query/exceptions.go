// The artifacts that a pipeline declares as exceptions, with their age.

package query

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/fold"
	"bursar/internal/reconcile"
)

// Exception is one open item. Its age is counted from the artifact's `since` column, if the pipeline declares one.
type Exception struct {
	Key      json.RawMessage `json:"key"`
	Since    *time.Time      `json:"since,omitempty"`
	AgeDays  *int            `json:"age_days,omitempty"`
	Artifact json.RawMessage `json:"artifact"`

	values []column.Vector
	row    int
}

// Values returns columns of the values of ArtifactFields, and the exception's row in them. They are valid until each returns.
func (x *Exception) Values() (columns []column.Vector, row int) { return x.values, x.row }

// Exceptions calls each for every artifact that matches the pipeline's exceptions.where, in the order of the given columns, each
// descending if its name follows a dash. Equal ones are the oldest first.
func (e *Reader) Exceptions(ctx context.Context, pipeline string, by []string, each func(Exception) error) error {
	return e.read(ctx, pipeline, e.openSnapshot, func(q *Snapshot, emitted *bool) error {
		return e.exceptions(ctx, q, by, func(x Exception) error {
			*emitted = true
			return each(x)
		})
	})
}

func (e *Reader) exceptions(ctx context.Context, q *Snapshot, by []string, each func(Exception) error) error {
	plan := q.Plan
	x := plan.Pipeline.Exceptions
	if x.Where == "" {
		err := fmt.Errorf("pipeline %s declares no exceptions: add `exceptions: {where: …}` to %s", plan.Pipeline.Name, plan.Pipeline.File)
		return failure.Wrap(failure.Data, err)
	}
	all, remove, err := e.SpillArtifacts(ctx, "exceptions", plan, &q.Generation)
	if err != nil {
		return err
	}
	defer remove()
	fields := reconcile.StoredFields(plan)
	list := fold.Quoted(fields)
	since := -1
	order := strings.Join(list[:len(plan.Key)], ", ")
	for i, f := range fields {
		if i >= len(plan.Key) && f.Name == x.Since {
			since, order = i, list[i]+" NULLS FIRST, "+order
		}
	}
	for _, name := range slices.Backward(by) {
		bare, descending := strings.CutPrefix(name, "-")
		direction := map[bool]string{false: " ASC NULLS FIRST, ", true: " DESC NULLS LAST, "}[descending]
		order = column.QuoteIdentifier(bare) + direction + order
	}
	printer, now := NewPrinter(plan), e.Now()
	sql := fmt.Sprintf("SELECT %s FROM artifacts WHERE (%s\n) ORDER BY %s", strings.Join(list, ", "), x.Where, order)
	err = e.Query(ctx, nil, map[string]string{"artifacts": all}, sql, func(row []column.Vector) error {
		column.Declare(row, fields)
		values := printer.values(row)
		for i := range row[0].Len() {
			item := Exception{Key: reconcile.KeyJSON(row[:len(plan.Key)], i), Artifact: printer.Artifact(nil, row, i), values: values, row: i}
			if since >= 0 && !row[since].IsNull(i) {
				item.age(&row[since], i, now)
			}
			if err := each(item); err != nil {
				return err
			}
		}
		return nil
	})
	return plan.Explain(err)
}

func (x *Exception) age(since *column.Vector, i int, now time.Time) {
	at := time.UnixMicro(since.Ints[i]).UTC()
	if since.Type.Kind == column.Date {
		at = time.Unix(since.Ints[i]*86400, 0).UTC()
	}
	days := int(now.Sub(at).Hours() / 24)
	x.Since, x.AgeDays = &at, &days
}
