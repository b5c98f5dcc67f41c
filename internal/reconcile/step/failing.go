// Finds the one event or artifact on which a pipeline's expression fails, and the place that an event was read from.

package step

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/fold"
	"bursar/internal/object"
	"bursar/internal/project"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/runs"
)

// FailingError reports the event or artifact on which a declared expression fails. Its text names the place of the event, but not
// its values or key, because it is written to the histories of workflows (rule 7).
type FailingError struct {
	Pipeline, Declared string
	Event              string // its place; empty for an artifact
	Key                json.RawMessage
	Cause              error
}

func (e *FailingError) Error() string {
	on := "an artifact"
	if e.Event != "" {
		on = "the event in " + e.Event
	}
	if e.Key != nil {
		on += ", whose key `bursar status` shows"
	}
	return fmt.Sprintf("an expression of %s fails on %s: %v; nothing of this run is visible: let the "+
		"expression take such values (TRY_CAST where it casts, a smaller scale where a number overflows) and run `bursar rebuild %s`",
		e.Declared, on, e.Cause, e.Pipeline)
}

func (e *FailingError) Unwrap() error { return e.Cause }

// Class is Data: the same events fail again.
func (e *FailingError) Class() failure.Class { return failure.Data }

// isValueError reports whether a query failed because of a value.
func isValueError(err error) bool {
	var message duck.Error
	return errors.Is(err, errDigits) || errors.As(err, &message) && message.CausedByValue()
}

// search repeats a step's query over parts of its input until the failing event or artifact is found.
type search struct {
	e     *Executor
	files object.Files
	plan  *fold.Plan
	sql   string
	cause error // error of the last failing query
}

func (s *search) fails(ctx context.Context, views map[string]string) (bool, error) {
	err := s.e.Query(ctx, s.files, views, s.sql, checkDigits)
	if isValueError(err) {
		s.cause = err
		return true, nil
	}
	return false, err
}

// leastFailing returns the least number from lo to hi for which fails is true, by bisection. It must be true for hi.
func leastFailing(lo, hi int64, fails func(n int64) (bool, error)) (int64, error) {
	for lo < hi {
		at := lo + (hi-lo)/2
		failed, err := fails(at)
		if err != nil {
			return 0, err
		}
		if failed {
			hi = at
			continue
		}
		lo = at + 1
	}
	return lo, nil
}

// failingEvent finds the first event on which reduce fails, in the order of batches, files and rows. An error that is not caused
// by a value, or for which no event is found, is returned as it is.
func (e *Executor) failingEvent(ctx context.Context, files object.Files, plan *fold.Plan, run *runs.Run, partition int, cause error) error {
	tooLong := errors.Is(cause, errLongKey)
	if !tooLong && !isValueError(cause) {
		return plan.Explain(cause)
	}
	batches, err := runs.ReadBatches(ctx, e.Catalog, e.Project, run)
	if err != nil {
		return plan.Explain(cause)
	}
	s := &eventSearch{search{e, files, plan, plan.Reduce, cause}, run, partition, batches}
	if tooLong {
		return s.longKey(ctx)
	}
	found, err := s.find(ctx)
	if err != nil {
		return plan.Explain(cause)
	}
	return found
}

type eventSearch struct {
	search
	run       *runs.Run
	partition int
	batches   []event.Batch
}

// views selects the partition's events of some whole batches, and those of one more batch that match a condition.
func (s *eventSearch) views(whole []event.Batch, part []event.Batch, condition string) map[string]string {
	events := event.FoldedPartSQL(s.files, s.plan.Events, part, condition)
	if len(whole) > 0 {
		events += "\nUNION ALL\n" + event.FoldedSQL(s.files, s.plan.Events, whole)
	}
	return map[string]string{"events": partitionSQL(events, s.plan.Events.Key, s.run, s.partition)}
}

func (s *eventSearch) find(ctx context.Context) (*FailingError, error) {
	k, err := leastFailing(1, int64(len(s.batches)), func(n int64) (bool, error) {
		return s.fails(ctx, s.views(s.batches[:n-1], s.batches[n-1:n], "true"))
	})
	if err != nil {
		return nil, err
	}
	before, batch := s.batches[:k-1], s.batches[k-1:k]
	file, err := s.least(ctx, before, batch, event.FileColumn, "", "true")
	if err != nil {
		return nil, err
	}
	row, err := s.least(ctx, before, batch, event.RowColumn, fmt.Sprintf("%s < %d OR ", event.FileColumn, file), fmt.Sprintf("%s = %d", event.FileColumn, file))
	if err != nil {
		return nil, err
	}
	return s.event(ctx, batch, file, row)
}

// least returns the least value of a column for which the query fails with all events up to it: those selected by the SQL prefix
// before, and those selected by alike with a value up to it.
func (s *eventSearch) least(ctx context.Context, whole, batch []event.Batch, name, before, alike string) (n int64, err error) {
	var lo, hi int64
	views := map[string]string{"events": event.ViewSQL(s.files, s.plan.Events.Stream(batch[0].Stream), batch)}
	sql := fmt.Sprintf("SELECT min(%s), max(%s) FROM events WHERE %s HAVING count(*) > 0", name, name, alike)
	err = s.e.Query(ctx, s.files, views, sql, func(rows []column.Vector) error {
		lo, hi = rows[0].Ints[0], rows[1].Ints[0]
		return nil
	})
	if err != nil {
		return 0, err
	}
	return leastFailing(lo, hi, func(n int64) (bool, error) {
		return s.fails(ctx, s.views(whole, batch, fmt.Sprintf("%s%s AND %s <= %d", before, alike, name, n)))
	})
}

func (s *eventSearch) event(ctx context.Context, batch []event.Batch, number, row int64) (*FailingError, error) {
	place, err := s.e.eventPlace(ctx, s.plan.Events.Stream(batch[0].Stream), batch, uint64(number), row)
	if err != nil {
		return nil, err
	}
	found := &FailingError{Pipeline: s.plan.Pipeline.Name, Declared: s.plan.Declared(), Event: place, Cause: s.cause}
	names := make([]column.Field, len(s.plan.Events.Key))
	for i, k := range s.plan.Events.Key {
		names[i] = column.Field{Name: k.Event}
	}
	at := fmt.Sprintf("%s = %d AND %s = %d", event.FileColumn, number, event.RowColumn, row)
	found.Key = s.e.findKey(ctx, s.files, s.views(nil, batch, at), fmt.Sprintf("SELECT %s FROM events LIMIT 1", fold.Names(names)))
	return found, nil
}

// failingArtifact finds the first key on which merge fails: delta and state have a row for each key, in the same order.
func (e *Executor) failingArtifact(ctx context.Context, files object.Files, plan *fold.Plan, inputs [2]string, rows int64, cause error) error {
	if !isValueError(cause) {
		return plan.Explain(cause)
	}
	views := func(n int64) map[string]string {
		return map[string]string{
			"delta": fmt.Sprintf("SELECT * FROM (%s) LIMIT %d", inputs[0], n), "state": fmt.Sprintf("SELECT * FROM (%s) LIMIT %d", inputs[1], n),
		}
	}
	s := &search{e, files, plan, plan.Merge, cause}
	n, err := leastFailing(1, rows, func(n int64) (bool, error) { return s.fails(ctx, views(n)) })
	if err != nil {
		return plan.Explain(cause)
	}
	key := e.findKey(ctx, files, views(n), fmt.Sprintf("SELECT %s FROM delta LIMIT 1 OFFSET %d", fold.Names(plan.Key), n-1))
	return &FailingError{Pipeline: plan.Pipeline.Name, Declared: plan.Declared(), Key: key, Cause: s.cause}
}

// findKey returns the key that a query selects, or nil: the failure is reported either way.
func (e *Executor) findKey(ctx context.Context, files object.Files, views map[string]string, sql string) (key json.RawMessage) {
	err := e.Query(ctx, files, views, sql, func(rows []column.Vector) error {
		key = reconcile.KeyJSON(rows, 0)
		return nil
	})
	if err != nil {
		return nil
	}
	return key
}

// placeColumn is a column of the built-in streams with the line:column where an event was read. The row number does not help
// there, because rows are made by the import.
const placeColumn = "place"

// eventPlace returns the place of an event, given by its hidden columns: file:row, or file:line:column for a statement's event.
func (e *Executor) eventPlace(ctx context.Context, s *project.Stream, batches []event.Batch, number uint64, row int64) (string, error) {
	file2, err := event.FindFile(ctx, e.Catalog, s.Name, number)
	if err != nil {
		return "", err
	}
	file, at := file2.At(row)
	place := fmt.Sprint(at)
	if !s.Builtin || s.Column(placeColumn) == nil {
		return file + ":" + place, nil
	}
	own := event.FilterStream(batches, s.Name)
	files := e.Objects.Files()
	defer files.Release()
	views := map[string]string{"events": event.ViewSQL(files, s, own)}
	sql := fmt.Sprintf("SELECT %s FROM events WHERE (%s, %s) = (%d, %d) LIMIT 1", placeColumn, event.FileColumn, event.RowColumn, number, row)
	err = e.Query(ctx, files, views, sql, func(rows []column.Vector) error {
		if rows[0].Len() > 0 && !rows[0].IsNull(0) {
			place = string(rows[0].Text(0))
		}
		return nil
	})
	return file + ":" + place, err
}
