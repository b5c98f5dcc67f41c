// Verifies that no event counts twice after a retraction went missing, and that dismissed rows are in quarantine.

package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"bursar/internal/event"
	"bursar/internal/event/dedupe"
	"bursar/internal/event/ids"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// CountedTwiceError says that two events with one id count. Class Data.
type CountedTwiceError struct {
	Stream  string
	Event   string
	Batches [2]uint64
	Sources [2]string // file and row
}

func (e *CountedTwiceError) Error() string {
	return fmt.Sprintf("event %s of %s counts twice: in batch %d (%s) and in batch %d (%s); retract the wrong one: ",
		e.Event, e.Stream, e.Batches[0], e.Sources[0], e.Batches[1], e.Sources[1]) + "`" + e.Command(0) + "` or `" + e.Command(1) + "`"
}

// Command returns the command that retracts one of the two events.
func (e *CountedTwiceError) Command(n int) string {
	return fmt.Sprintf("bursar retract %s %d --event %s --reason TEXT", e.Stream, e.Batches[n], event.ShellArgument(e.Event))
}

// Class is Data: it remains until one of them is retracted.
func (e *CountedTwiceError) Class() failure.Class { return failure.Data }

// maxTwiceReported bounds the events that one error names.
const maxTwiceReported = 10

// CountedOnce returns a *CountedTwiceError for each pair of events with one id that count, as far as the last rebuild of the dedupe
// index found them.
func CountedOnce(ctx context.Context, st *event.Store, s *project.Stream) error {
	state, _, err := st.ReadState(ctx, s.Name)
	if err != nil || len(state.CountedTwice) == 0 {
		return err
	}
	retracted, err := ids.LoadRetracted(ctx, st, s, &state, nil)
	if err != nil {
		return err
	}
	var faults []error
	for _, d := range state.CountedTwice {
		if len(faults) == maxTwiceReported || retracted.Has(d.A) || retracted.Has(d.B) {
			continue
		}
		e := &CountedTwiceError{Stream: s.Name}
		for n, at := range []dedupe.Place{d.A, d.B} {
			if err := describeEvent(ctx, st, s, event.PlaceOf(at), n, e); err != nil {
				return err
			}
		}
		faults = append(faults, e)
	}
	return errors.Join(faults...)
}

func describeEvent(ctx context.Context, st *event.Store, s *project.Stream, at event.Place, n int, e *CountedTwiceError) error {
	found, err := st.EventAt(ctx, s, at)
	if err == nil && found == nil {
		err = fmt.Errorf("event %s of %s is in the dedupe index but not among the events; run `bursar repair`", at, s.Name)
	}
	if err != nil {
		return err
	}
	file, err := event.FindFile(ctx, st.Catalog, s.Name, at.File)
	if err != nil {
		return err
	}
	name, row := file.At(at.Row)
	e.Event, e.Batches[n], e.Sources[n] = found.Event, found.Batch, fmt.Sprintf("%s, row %d", name, row)
	return nil
}

// StrayDismissals returns the dismissals whose rows are in no quarantine, including those of retracted batches, and the total number.
func StrayDismissals(ctx context.Context, st *event.Store, stream string) (left map[event.Place]event.Dismissal, all int, err error) {
	if left, err = event.Dismissals(ctx, st.Catalog, stream); err != nil || len(left) == 0 {
		return nil, 0, err
	}
	all = len(left)
	open, retracted, _, err := event.OpenQuarantines(ctx, st.Catalog, stream)
	if err == nil {
		err = event.EachRejected(ctx, st.Objects, append(open, retracted...), func(row event.Rejected) error {
			delete(left, row.Place())
			return nil
		})
	}
	if err != nil || len(left) == 0 {
		return left, all, err
	}
	now, err := event.Dismissals(ctx, st.Catalog, stream) // one may be undone meanwhile, and its row accepted
	maps.DeleteFunc(left, func(row event.Place, _ event.Dismissal) bool {
		_, is := now[row]
		return !is
	})
	return left, all, err
}

// Dismissals checks that every dismissed row of a stream is in quarantine. It returns their number.
func Dismissals(ctx context.Context, st *event.Store, stream string) (rows int, faults error) {
	left, rows, err := StrayDismissals(ctx, st, stream)
	if err != nil {
		return rows, err
	}
	for row := range left {
		faults = errors.Join(faults, fmt.Errorf("row %s of %s is dismissed but not in quarantine", row, stream))
	}
	return rows, faults
}
