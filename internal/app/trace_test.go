// Tracing artifacts back to the rows from which they were made.

package app

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"bursar/internal/failure"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/query"
)

// TestTraceLeadsToEachRow scatters events of three streams over batches and runs: the artifacts together lead to every row once,
// and each to rows of its own key.
func TestTraceLeadsToEachRow(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(retailSeed(t), 7))
	a := openFiles(t, threeStreams)
	left := map[string]threeEvent{} // by the row's text
	for _, e := range threeEvents(random)[:60] {
		left[e.stream+e.json()] = e
		if random.IntN(5) == 0 {
			runAll(t, a, "orders")
		}
		mustIngest(t, a, e.stream, putFile(t, t.TempDir(), "one.jsonl", "\n"+e.json()+"\n"))
	}
	runAll(t, a, "orders")
	for i := range 8 {
		key := fmt.Sprint("k", i)
		answer, err := a.Queries.Get(t.Context(), "orders", key, 0, true)
		if err != nil {
			t.Fatal(err)
		}
		events := map[uint64]int64{}
		traced, err := a.Queries.Trace(t.Context(), "orders", key, func(e query.TracedEvent) error {
			events[e.Run]++
			text, err := os.ReadFile(e.File)
			if err != nil {
				return err
			}
			row := strings.Split(string(text), "\n")[e.Row-1]
			if was, there := left[e.Stream+row]; !there || was.key != key {
				t.Errorf("%s is traced to %s %s, which is not one of its events, or was traced before", key, e.Stream, row)
			}
			delete(left, e.Stream+row)
			return nil
		})
		if err != nil || len(traced.Runs) != len(answer.History) || traced.Run != answer.Run {
			t.Fatalf("%s is traced to %+v, %v; its history is %+v", key, traced, err, answer.History)
		}
		slices.Reverse(answer.History)
		for i, run := range traced.Runs {
			of := int64(0)
			for _, b := range run.Batches {
				of += b.Events
			}
			if v := answer.History[i]; run.Run != v.Run || string(run.Artifact) != string(v.Artifact) || run.Events != events[run.Run] || of != run.Events {
				t.Errorf("%s: run %+v with %d events, want version %+v", key, run, events[run.Run], v)
			}
		}
	}
	if len(left) > 0 {
		t.Errorf("no artifact leads to %v", left)
	}
}

// TestTraceFindsMissingEvents removes an event from a batch: the trace no longer matches what was folded.
func TestTraceFindsMissingEvents(t *testing.T) {
	t.Parallel()
	a := openTwoRuns(t)
	name := batchObject(t, a)
	for _, c := range []struct{ where, fails string }{
		{"true", ""},
		{`"order" <> 'a'`, `run 2 folded 1 event into key "a", but its batches contain 0`},
	} {
		rewriteFile(t, a, objectPath(a, name), "SELECT * FROM %s WHERE "+c.where)
		putBatchObject(t, a, 2, describe(t, a, name))
		_, err := a.Queries.Trace(t.Context(), "orders", "a", func(query.TracedEvent) error { return nil })
		var untraced *query.UntracedError
		if c.fails == "" && err != nil || c.fails != "" && (!errors.As(err, &untraced) || err.Error() != c.fails || failure.ExitCode(err) != 4) {
			t.Errorf("where %s: %v, want %q", c.where, err, c.fails)
		}
	}
	stopped := errors.New("stopped")
	_, err := a.Queries.Trace(t.Context(), "orders", "b", func(query.TracedEvent) error { return stopped })
	if !errors.Is(err, stopped) {
		t.Errorf("the trace continues after an error: %v", err)
	}
	var unknown *reconcile.NotFoundError
	if _, err := a.Queries.Trace(t.Context(), "orders", "z", nil); !errors.As(err, &unknown) {
		t.Errorf("an unknown key: %v", err)
	}
}

// TestManyVerifyAndTraceAtOnce checks that concurrent calls do not share scratch files.
func TestManyVerifyAndTraceAtOnce(t *testing.T) {
	t.Parallel()
	a := openFiles(t, map[string]string{
		"bursar.yaml":           "threads: 1\n",
		"streams/payments.yaml": paymentsYAML,
		"pipelines/orders.yaml": ordersYAML,
		"pipelines/each.yaml":   "{pipeline: each, from: payments, key: id, artifact: {paid: {sum: amount}}}",
	})
	for i := range 5 {
		pay(t, a, fmt.Sprintf("%d a%d 10.00", i, i), fmt.Sprintf("x%d b %d.00", i, i))
	}
	runAll(t, a, "orders")
	runAll(t, a, "each")
	var all sync.WaitGroup
	for range 8 {
		for _, pipeline := range []string{"orders", "each"} {
			all.Go(func() { checkProof(t, a, pipeline) })
		}
		all.Go(func() {
			found := 0
			_, err := a.Queries.Trace(t.Context(), "orders", "b", func(query.TracedEvent) error { found++; return nil })
			if err != nil || found != 5 {
				t.Errorf("traced to %d events, %v", found, err)
			}
		})
	}
	all.Wait()
}
