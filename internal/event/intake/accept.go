// Accepts a row that is in quarantine because its id was accepted before with other values: the row replaces the older event.

package intake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"bursar/internal/event"
	"bursar/internal/event/dedupe"
	"bursar/internal/event/ids"
	"bursar/internal/event/retract"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// AcceptOptions say which row is accepted and why.
type AcceptOptions struct {
	Options
	Row    event.Place
	Reason string
}

// AcceptedRow is the outcome of one call of AcceptRow.
type AcceptedRow struct {
	Stream   string            `json:"stream"`
	Ref      string            `json:"ref"` // of the row, as the quarantine lists it
	Event    string            `json:"event"`
	Batch    uint64            `json:"batch"`      // whose event the row is now
	Already  bool              `json:"already"`    // it was accepted before, and nothing was written
	Changes  []Difference      `json:"changes"`    // compared with the event that the row replaces
	Replaced *event.Retraction `json:"retraction"` // of the older event; nil if that event was already excluded
	Retried  *Result           `json:"retried"`    // the batch that retried the row's quarantine; nil if the row was accepted before
}

// AcceptRow accepts a conflicting row into a new batch and excludes the event with the same id from every view. The new batch takes over
// the row's quarantine; other rows there with this id are now in conflict with the accepted row. If the process crashes in between, a second
// call completes the work, because the retraction names the row. The caller must hold the stream exclusively.
func AcceptRow(ctx context.Context, st *event.Store, s *project.Stream, o AcceptOptions) (AcceptedRow, error) {
	out := AcceptedRow{Stream: s.Name, Ref: o.Row.String(), Changes: []Difference{}}
	if err := event.CheckGrowth(ctx, st.Catalog, s); err != nil {
		return out, err
	}
	row, b, err := st.FindRejected(ctx, s.Name, o.Row)
	if errors.As(err, new(*event.NoSuchError)) {
		return acceptedBefore(ctx, st, s, out, o, err)
	}
	if err == nil {
		err = checkAcceptable(s, &row)
	}
	if err != nil {
		return out, err
	}
	if out.Replaced, err = retractAllOlder(ctx, st, s, &row, o); err != nil {
		return out, err
	}
	result, err := retryQuarantines(ctx, st, s, []event.Batch{b}, &rowAcceptance{&row, out.Replaced}, o.Options)
	if result.Batch != 0 { // also if a step after the seal fails
		out.Batch, out.Retried = result.Batch, &result
	}
	if err != nil {
		return out, err
	}
	err = compareAccepted(ctx, st, s, &out, o.Row, row.Accepted)
	return out, err
}

// retractAllOlder retracts the event with the row's id. If a retraction is missing, several events with the id may count; it retracts all of
// them. It returns the last retraction, also that of an earlier call.
func retractAllOlder(ctx context.Context, st *event.Store, s *project.Stream, row *event.Rejected, o AcceptOptions) (out *event.Retraction, err error) {
	for range ids.MaxCountedTwice {
		if err := retract.RebuildIfNeeded(ctx, st, s); err != nil {
			return out, err
		}
		older, err := currentEvent(ctx, st, s, row, o.Options)
		if err != nil || older == nil {
			if out == nil && err == nil {
				return retractionFor(ctx, st, s.Name, o.Row)
			}
			return out, err
		}
		if out, err = retractOlder(ctx, st, s, older, o); err != nil {
			return out, err
		}
	}
	return out, nil
}

// checkAcceptable refuses rows that are not in conflict with an event, and rows that are dismissed.
func checkAcceptable(s *project.Stream, row *event.Rejected) error {
	stream := s.Name
	switch at := row.Place(); {
	case row.Dismissed != nil:
		return rowError(stream, at, "it is dismissed (%s): first `bursar quarantine %s --dismiss %s --undo`", row.Dismissed.Reason, stream, at)
	case s.Versions && row.Conflict():
		return rowError(stream, at, "the stream keeps versions of events: `bursar quarantine %s --retry` takes it in as a new version", stream)
	case !row.Conflict():
		column := ""
		if row.Column != "" {
			column = "column " + row.Column + ": "
		}
		grow := "correct it at its source and ingest it, and"
		if remedy := Remedy(row, s); remedy != "" {
			grow = fmt.Sprintf("%s and `bursar quarantine %s --retry`, or", remedy, stream)
		}
		return rowError(stream, at, "it is not a conflict: %s%s; %s `bursar quarantine %s --dismiss %s --reason TEXT`",
			column, row.Reason, grow, stream, at)
	}
	return nil
}

func rowError(stream string, row event.Place, format string, args ...any) error {
	return failure.Wrap(failure.Data, fmt.Errorf("accept row %s of %s: "+format, append([]any{row, stream}, args...)...))
}

// currentEvent returns the event that has the row's id now, or nil. It checks the row as intake does, because the event that the row was in
// conflict with may have been retracted or replaced since, or its id may be outside the dedupe window. The row must be acceptable without it.
func currentEvent(ctx context.Context, st *event.Store, s *project.Stream, row *event.Rejected, o Options) (older *event.Place, err error) {
	for {
		result, refused, err := tryRow(ctx, st, s, row, o)
		at := row.Place()
		switch {
		case err != nil:
			return nil, fmt.Errorf("check row %s of %s: %w", at, s.Name, err)
		case result.Accepted == 1 && older == nil:
			return eventBeyondWindow(ctx, st, s, row.Accepted)
		case result.Accepted == 1:
			return older, nil
		case result.Duplicates == 1:
			return nil, rowError(s.Name, at, "an event with the same values is already accepted; `bursar quarantine %s --retry` removes the row from quarantine", s.Name)
		case refused == nil || refused.accepted == nil || older != nil:
			reason := "it can no longer be read"
			if refused != nil {
				reason = refused.Reason
			}
			return nil, rowError(s.Name, at, "%s; `bursar quarantine %s --dismiss %s --reason TEXT` marks it as resolved", reason, s.Name, at)
		}
		older = refused.accepted
		o.excluding = older
	}
}

// eventBeyondWindow returns the event that the row was in conflict with, or the one that replaced it, although its id has left the dedupe window.
func eventBeyondWindow(ctx context.Context, st *event.Store, s *project.Stream, conflict *event.Place) (*event.Place, error) {
	list, err := event.Retractions(ctx, st.Catalog, s.Name)
	if err != nil || conflict == nil {
		return nil, err
	}
	at := *conflict
	for range list { // each retraction leads to the next event at most once
		next := slices.IndexFunc(list, func(r event.Retraction) bool { return r.For != nil && r.File == at.File && r.Row == at.Row })
		if next < 0 {
			break
		}
		at = *list[next].For
	}
	state, _, err := st.ReadState(ctx, s.Name)
	if err != nil {
		return nil, err
	}
	retracted, err := ids.LoadRetracted(ctx, st, s, &state, nil)
	if err != nil {
		return nil, err
	}
	if place, err := dedupe.PlaceOf(at.File, uint64(at.Row)); err != nil || retracted.Has(place) {
		return nil, err
	}
	if event, err := st.EventAt(ctx, s, at); event == nil || err != nil { // a row whose acceptance was not completed
		return nil, err
	}
	return &at, nil
}

// tryRow checks a row in quarantine in a dry run.
func tryRow(ctx context.Context, st *event.Store, s *project.Stream, row *event.Rejected, o Options) (Result, *reject, error) {
	o.DryRun = true
	w, err := begin(ctx, st, s, o, st.Now(), newComputer(st, s))
	if err != nil {
		return Result{}, nil, err
	}
	defer w.computer.close()
	defer w.close()
	var refused *reject
	w.onReject = func(r *reject) { refused = r }
	r := &retrier{w: w, seg: w.segment(nil, nil)}
	err = w.flow(ctx, func(ctx context.Context) error { return r.all(ctx, nil, &rowAcceptance{row: row}) })
	return w.result(0), refused, err
}

// retractOlder excludes the event at a place from every view, in favour of the accepted row.
func retractOlder(ctx context.Context, st *event.Store, s *project.Stream, older *event.Place, o AcceptOptions) (*event.Retraction, error) {
	state, _, err := st.ReadState(ctx, s.Name)
	if err != nil {
		return nil, err
	}
	r, err := st.EventAt(ctx, s, *older)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, fmt.Errorf("bug: no event of %s at %s", s.Name, older)
	}
	if err := st.SumEvent(ctx, s, r); err != nil {
		return nil, err
	}
	r.Number, r.Files, r.For, r.At = state.Retractions+1, state.Files, &o.Row, st.Now().UTC().Truncate(time.Microsecond)
	r.Reason = fmt.Sprintf("row %s was accepted in its place: %s", o.Row, o.Reason)
	if err := retract.Put(ctx, st, &state, r); err != nil {
		return nil, err
	}
	return r, nil
}

// retractionFor returns the retraction of the event that the row replaces, or nil.
func retractionFor(ctx context.Context, st *event.Store, stream string, row event.Place) (*event.Retraction, error) {
	list, err := event.Retractions(ctx, st.Catalog, stream)
	for i := range slices.Backward(list) {
		if f := list[i].For; f != nil && *f == row {
			return &list[i], err
		}
	}
	return nil, err
}

// acceptedBefore completes the result for a row that an earlier call accepted; that call may have been interrupted. It returns none if no call
// accepted the row.
func acceptedBefore(ctx context.Context, st *event.Store, s *project.Stream, out AcceptedRow, o AcceptOptions, none error) (_ AcceptedRow, err error) {
	if out.Replaced, err = retractionFor(ctx, st, s.Name, o.Row); err != nil {
		return out, err
	}
	if out.Replaced == nil {
		return out, none
	}
	now, err := st.EventAt(ctx, s, o.Row)
	if err != nil {
		return out, err
	}
	if now == nil {
		return AcceptedRow{}, none
	}
	for _, r := range []event.Retraction{*now, {Stream: s.Name, Batch: now.Batch}} {
		if last, err := st.LastRetractionOf(ctx, &r); err != nil || last != nil && last.Undoes == 0 {
			return AcceptedRow{}, cmp.Or(err, none)
		}
	}
	out.Already, out.Batch = true, now.Batch
	err = compareAccepted(ctx, st, s, &out, o.Row, nil)
	return out, err
}

// compareAccepted sets what the accepted row changes, compared with the event it replaces or, if that no longer counted, with conflict.
func compareAccepted(ctx context.Context, st *event.Store, s *project.Stream, out *AcceptedRow, row event.Place, conflict *event.Place) error {
	if out.Replaced != nil {
		conflict = &event.Place{File: out.Replaced.File, Row: out.Replaced.Row}
	}
	events := map[event.Place]event.Values{}
	for _, at := range []*event.Place{&row, conflict} {
		if at == nil {
			continue
		}
		found, err := st.EventAt(ctx, s, *at)
		if err != nil {
			return err
		}
		if found == nil {
			continue
		}
		if at == &row {
			out.Event = found.Event
		}
		b, err := st.Batch(ctx, s.Name, found.Batch)
		if err == nil {
			err = st.EachAt(ctx, s, []event.Batch{b}, []string{at.SQL()}, func(p event.Place, event event.Values) { events[p] = event })
		}
		if err != nil {
			return err
		}
	}
	if conflict != nil && events[*conflict] != nil {
		out.Changes = append(out.Changes, differences(s, events[*conflict], events[row])...)
	}
	return nil
}
