// Retracting on the stage: the outdated artifacts are refused, then rebuilt.

package auditor

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"bursar/internal/event/retract"
)

// retract leaves something out, if there is anything to be left out.
func (s *stage) retract(step *Step) {
	s.t.Helper()
	what, ok := s.model.ToRetract(step.StreamName, step.Nth, step.Event)
	if !ok {
		return
	}
	before := digestOf(s.model.Export())
	got, disturbed := s.retracted(what, retract.Options{Reason: "audit"})
	var want Counts
	s.apply(func(m *Model) { want = m.Retract(what) })
	if got.Already != disturbed && got.Already {
		s.fatalf("%+v is retracted already", what)
	}
	a, b := totalsText(withoutZeros(want.Totals)), totalsText(withoutZeros(rationals(got.Totals)))
	if got.Events != want.Accepted || a != b {
		s.fatalf("retracting %+v leaves out %d events, %s\nwant %d, %s", what, got.Events, b, want.Accepted, a)
	}
	count("retractions: event %v, folded %v", what.Event != "", s.model.Folded(what))
	s.outdated(what, before)
}

// undo counts something again, if anything is left out.
func (s *stage) undo(step *Step) {
	s.t.Helper()
	what, ok := s.model.ToUndo(step.StreamName, step.Nth)
	if !ok {
		return
	}
	before := digestOf(s.model.Export())
	refused := false
	s.apply(func(m *Model) { refused = m.Undo(what) })
	got, _ := s.retracted(what, retract.Options{Undo: true})
	count("undone: refused %v", refused)
	if refused != (got == nil) {
		s.fatalf("undo of %+v gives %+v; want it to be refused: %v", what, got, refused)
	}
	if !refused {
		s.outdated(what, before)
	}
}

// retracted carries a retraction out; nil is one that is refused, as ids were accepted anew.
func (s *stage) retracted(what Retraction, o retract.Options) (got *retract.Retracted, disturbed bool) {
	s.t.Helper()
	o.Batch, o.Event = uint64(what.Batch), what.Event
	disturbed = s.carry(func(ctx context.Context) error {
		r, err := retract.Retract(ctx, s.intake, s.project.Stream(what.Stream), o)
		if got = &r; errors.As(err, new(*retract.IDReusedError)) {
			got = nil
			return nil
		}
		return err
	})
	return got, disturbed
}

// outdated expects artifacts to be refused that folded what is retracted since, and rebuilds them.
func (s *stage) outdated(what Retraction, before string) {
	s.t.Helper()
	var found bool
	s.carry(func(ctx context.Context) (err error) {
		found, err = s.reader.Retracted(ctx, s.c.Pipeline.Name)
		return err
	})
	if want := s.model.Folded(what); found != want {
		s.fatalf("%+v outdates the artifacts: %v; want %v", what, found, want)
	}
	if !found {
		return
	}
	if s.steady() {
		var out bytes.Buffer
		_, exported := s.reader.Export(s.t.Context(), s.c.Pipeline.Name, &out)
		_, planned := s.executor.Next(s.t.Context(), s.c.Pipeline.Name, 0, false)
		for _, err := range []error{exported, planned} {
			if err == nil || !strings.Contains(err.Error(), "bursar rebuild") {
				s.fatalf("after %+v the old artifacts are given: %v", what, err)
			}
		}
	}
	s.rebuildFrom(before)
}
