// One small workload, with the process dying at each call of its stores in turn.

package auditor

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"sync/atomic"
	"testing"

	"bursar/internal/fault"
)

// small is a workload in which everything happens once: a conflict, a duplicate, a malformed row, a file sent again, a
// retry after growth, an artifact that is made, one that is updated, and a rebuild.
func small() *Case {
	s := &Stream{
		Name: "events", ID: []string{"id"},
		Columns: []Column{
			{Name: "id", Type: Type{Kind: Text}, From: []string{"id"}},
			{Name: "kind", Type: Type{Kind: Text}, In: []string{"a"}, From: []string{"kind"}},
			{Name: "acct", Type: Type{Kind: Text}, From: []string{"acct"}},
			{Name: "amount", Type: Type{Decimal, 18, 2}, From: []string{"amount"}},
		},
		Totals: []Total{{Name: "moved", Sum: "amount", By: "acct"}},
	}
	grown := s.clone()
	grown.Columns[1].In = []string{"a", "b"}
	p := &Pipeline{
		Name: "books", From: []string{s.Name}, Key: []string{"acct"}, Conserve: []Conserve{{"moved", "total"}},
		Folds: []Fold{
			{Name: "n", Kind: "count"},
			{Name: "total", Kind: "sum", Expr: columnFormula("amount")},
			{Name: "last", Kind: "last", Expr: columnFormula("kind"), By: []string{"amount"}},
			{Name: "lines", Kind: "list", Items: []string{"id", "amount"}, By: []string{"id"}, Keep: 2},
		},
	}
	first := File{Name: "1.jsonl", Text: row("1", "a", "x", "1.10") + row("2", "b", "y", "-2") + row("3", "a", "y", "3")}
	second := File{Name: "2.jsonl", Text: row("1", "a", "x", "1.1") + row("3", "a", "y", "4") + "{\n" + row("4", "a", "z", "5")}
	return &Case{Streams: []*Stream{s}, Pipeline: p, Steps: []Step{
		{Action: Ingest, StreamName: s.Name, Files: []File{first}},
		{Action: Run},
		{Action: Ingest, StreamName: s.Name, Files: []File{second, first}},
		{Action: Grow, Stream: grown},
		{Action: Retry, StreamName: s.Name},
		{Action: Run},
		{Action: Rebuild},
	}}
}

// row is an event of the small workload.
func row(id, kind, acct, amount string) string {
	return fmt.Sprintf(`{"id":%q,"kind":%q,"acct":%q,"amount":%q}`+"\n", id, kind, acct, amount)
}

// TestCrashAtEveryCall ends the process before and after each call of the stores, opens everything again, repeats what
// was cut short, and expects what the model says.
func TestCrashAtEveryCall(t *testing.T) {
	t.Parallel()
	plan := undisturbed(t)
	first, stride := shareOfCalls(t)
	var next atomic.Int64
	next.Store(int64(first - stride))
	for worker := range runtime.GOMAXPROCS(0) {
		t.Run(fmt.Sprint("worker", worker), func(t *testing.T) {
			t.Parallel()
			for n := int(next.Add(int64(stride))); n <= len(plan); n = int(next.Add(int64(stride))) {
				if among(plan, n-1) {
					continue
				}
				for _, mode := range []fault.Mode{fault.Before, fault.After} {
					t.Run(fmt.Sprintf("call %d %s mode %d", n, plan[n-1], mode), func(t *testing.T) { crashAt(t, n, mode|fault.Crash) })
				}
			}
		})
	}
}

// shareOfCalls is the first call that is tried, and how far the next one is: every tenth, or twentieth with -short and under the race
// detector, from a random one on. With SEEDS set it is every call.
func shareOfCalls(t *testing.T) (first, stride int) {
	t.Helper()
	switch {
	case testing.Short() || raced:
		stride = 20
	case os.Getenv("SEEDS") != "":
		stride = 1
	default:
		stride = 10
	}
	first = 1 + rand.IntN(stride)
	t.Logf("every call that is %d modulo %d", first, stride)
	return first, stride
}

// undisturbed is the calls of a case that nothing disturbs, without those of the last comparisons.
func undisturbed(t *testing.T) (calls []string) {
	t.Helper()
	s := newStage(t, small(), 0)
	s.armed = true // as in the cases that are cut short: no attempt comes late, so that the calls are the same
	s.work()
	for n := range s.plan.Calls() {
		calls = append(calls, s.plan.Call(n+1))
	}
	s.compare()
	return calls
}

// among reports whether a call stands in the middle of equal ones, such as the writes of an object: the first and the
// last of them are enough.
func among(calls []string, i int) bool {
	return i > 0 && i < len(calls)-1 && calls[i-1] == calls[i] && calls[i] == calls[i+1]
}

func crashAt(t *testing.T, n int, mode fault.Mode) {
	t.Helper()
	s := newStage(t, small(), 0)
	plan := s.plan
	s.calm, s.crash, s.armed = false, true, true
	plan.FailAt(n, mode)
	s.work()
	s.compare()
	if !plan.Fired() {
		t.Errorf("call %d was never made", n)
	}
}
