// Workloads of one intake: one that is given up, and one whose dedupe index has runs of several sizes.

package auditor

import (
	"fmt"
	"strings"
	"testing"

	"bursar/internal/event/intake"
	"bursar/internal/fault"
)

// TestAbandonedIngest ends the process at each call of an ingest in turn, one that merges the runs of the dedupe index
// at its end. Other files come next: nothing that was begun before is found with them, and all that was sealed is known.
func TestAbandonedIngest(t *testing.T) {
	t.Parallel()
	first, stride := shareOfCalls(t)
	for n, more := first, true; more; n += stride {
		more = false
		for _, mode := range []fault.Mode{fault.Before, fault.After} {
			t.Run(fmt.Sprintf("call %d mode %d", n, mode), func(t *testing.T) { more = abandonAt(t, n, mode|fault.Crash) })
		}
	}
}

// sealed is how many batches there are before: with one more, their runs are merged.
const sealed = 7

// abandonAt reports whether there is such a call.
func abandonAt(t *testing.T, n int, mode fault.Mode) bool {
	t.Helper()
	c := small()
	c.Steps = nil
	s := newStage(t, c, 0)
	s.calm = false
	for i := range sealed {
		s.ingest("events", []File{{Name: fmt.Sprintf("0%d.jsonl", i), Text: row(fmt.Sprint("0", i), "a", "x", "1")}})
	}
	given := []File{{Name: "1.jsonl", Text: row("1", "a", "x", "1.10") + row("1", "a", "x", "2") + row("2", "b", "y", "-2")}}
	paths := s.files(given)
	plan := s.plan
	plan.FailAt(plan.Calls()+n, mode)
	_, err := intake.Ingest(t.Context(), s.intake, s.project.Stream("events"), paths, s.options("events", false))
	if plan.Fired() != (err != nil) {
		t.Errorf("intake says %v of the death of the process: %v", err, plan.Fired())
	}
	s.plan = fault.NewPlan()
	s.reopen()
	if len(s.batches("events")) > sealed {
		s.model.Ingest("events", given)
	}
	s.ingest("events", []File{{Name: "2.jsonl", Text: row("3", "a", "x", "3") + row("00", "a", "x", "1.0")}})
	s.run()
	s.compare()
	return plan.Fired()
}

// TestDedupeIndexOfManySizes merges small runs of the dedupe index while a large one stays, and asks for ids of all of them.
func TestDedupeIndexOfManySizes(t *testing.T) {
	t.Parallel()
	c := small()
	c.Steps = nil
	ingest := func(text string) {
		f := File{Name: fmt.Sprintf("%d.jsonl", len(c.Steps)), Text: text}
		c.Steps = append(c.Steps, Step{Action: Ingest, StreamName: "events", Files: []File{f}})
	}
	var large strings.Builder
	for i := range 1 << 14 { // the least that is of another size than a few
		large.WriteString(row(fmt.Sprint("large", i), "a", "x", "1"))
	}
	ingest(large.String())
	ids := ""
	for i := range 9 {
		id := row(fmt.Sprint("small", i), "a", "y", "1")
		ingest(id)
		ids += id
	}
	ingest(ids + large.String())
	c.Steps = append(c.Steps, Step{Action: Run})
	newStage(t, c, 0).play()
}
