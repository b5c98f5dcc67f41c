// Accepting conflicts on the stage: what comes of the row, of the event whose place it takes, and of the artifacts that had folded that.

package auditor

import (
	"context"
	"strings"

	"bursar/internal/event"
	"bursar/internal/event/intake"
)

// accept accepts a conflict, if there is one.
func (s *stage) accept(step *Step) {
	s.t.Helper()
	row, ok := s.model.ToAccept(step.StreamName, step.Nth)
	if !ok {
		return
	}
	before := digestOf(s.model.Export())
	at, _ := event.ParsePlace(row.Ref())
	var got intake.AcceptedRow
	var refused error
	disturbed := s.carry(func(ctx context.Context) (err error) {
		o := intake.AcceptOptions{Options: s.options(row.Stream, false), Row: at, Reason: "audit"}
		got, err = intake.AcceptRow(ctx, s.intake, s.project.Stream(row.Stream), o)
		if refused = nil; err != nil && strings.HasPrefix(err.Error(), "accept row") {
			refused = err
			return nil
		}
		return err
	})
	var want AcceptedConflict
	s.apply(func(m *Model) { want = m.Accept(row) })
	count("accepted: refused %v, older %v", want.Refused, want.Out != nil)
	if want.Refused != (refused != nil) {
		s.fatalf("accept of %+v gives %+v, leaving out %+v, and %v; want it to be refused: %v", row, got, got.Replaced, refused, want.Refused)
	}
	if want.Refused {
		return
	}
	if got.Already != disturbed && got.Already {
		s.fatalf("%+v is accepted already", row)
	}
	if got.Retried != nil {
		s.compareCounts(row.Stream, *got.Retried, want.Counts)
	}
	s.compareReplaced(row, &got, want.Out)
	if want.Out != nil {
		s.outdated(*want.Out, before)
	}
}

// compareReplaced expects the older event to be named, and what the row changes of it.
func (s *stage) compareReplaced(row Conflict, got *intake.AcceptedRow, want *Retraction) {
	s.t.Helper()
	switch {
	case (got.Replaced != nil) != (want != nil):
		s.fatalf("accept of %+v leaves out %+v; want %+v", row, got.Replaced, want)
	case want == nil:
		return
	case got.Replaced.Batch != uint64(want.Batch), want.Event[0] != '_' && got.Replaced.Event != want.Event:
		s.fatalf("accept of %+v leaves out event %s of batch %d; want %+v", row, got.Replaced.Event, got.Replaced.Batch, want)
	case len(got.Changes) == 0:
		s.fatalf("accept of %+v changes nothing", row)
	}
}
