// Generations, grouping of batches, and history when definitions change.

package app

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bursar/internal/fault"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/runs"
)

// reopen closes a project and opens it again with another pipeline definition.
func reopen(t *testing.T, a *App, pipeline string) *App {
	t.Helper()
	dir := filepath.Dir(a.state)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	putFile(t, dir, "pipelines/orders.yaml", pipeline)
	again, err := Open(t.Context(), dir, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	})
	return again
}

func TestChangedPipelineIsRefusedUntilRebuilt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, from, to, refused, want string }{
		{"a condition", "{sum: amount}", `{sum: amount, where: "amount > 5"}`, "artifact.paid, conserve", `{"paid":"10.00","last":"4"}`},
		{"a new column", "  last:", "  n: {count: true}\n  last:", "artifact.n, order of columns", `{"paid":"11.00","n":2,"last":"4"}`},
		{"a removed column", "  last: {last: id, by: id}\n", "", "artifact.last, order of columns", `{"paid":"11.00"}`},
		{"nothing that counts", "pipeline:", "# a remark\npipeline:", "", `{"paid":"11.00","last":"4"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := openTwoRuns(t)
			changed := strings.Replace(ordersYAML, c.from, c.to, 1)
			if c.name == "a condition" {
				changed = strings.Replace(changed, "conserve: {amount: paid}", "", 1)
			}
			a = reopen(t, a, changed)
			pay(t, a, "6 z 1.00")
			_, err := a.Steps.Next(t.Context(), "orders", 0, false)
			_, getErr := a.Queries.Get(t.Context(), "orders", "a", 0, false)
			if c.refused == "" {
				if err != nil || getErr != nil {
					t.Fatalf("refused: %v, %v", err, getErr)
				}
				runAll(t, a, "orders")
			} else {
				for _, err := range []error{err, getErr} {
					if err == nil || !strings.Contains(err.Error(), "("+c.refused+")") || !strings.Contains(err.Error(), "bursar rebuild orders") {
						t.Fatalf("got %v, want a refusal that names %s", err, c.refused)
					}
				}
			}
			rebuilt, err := a.Rebuild(t.Context(), "orders")
			if err != nil || rebuilt.Generation != 2 || (rebuilt.DigestBefore != "") != (c.refused == "") || rebuilt.DigestAfter != digestOf(t, a) {
				t.Fatalf("%+v, %v", rebuilt, err)
			}
			if c.refused == "" && rebuilt.DigestBefore != rebuilt.DigestAfter {
				t.Errorf("the same pipeline gives other artifacts: %+v", rebuilt)
			}
			checkRebuilt(t, a, c.want)
		})
	}
}

// checkRebuilt checks that generation 2 is complete and nothing of generation 1 remains.
func checkRebuilt(t *testing.T, a *App, want string) {
	t.Helper()
	if name, detail := firstFailed(t, a); name != "" {
		t.Errorf("after the rebuild %s fails: %s", name, detail)
	}
	answer, err := a.Queries.Get(t.Context(), "orders", "a", 0, false)
	if err != nil || string(answer.Artifact) != want {
		t.Errorf("got %s, %v, want %s", answer.Artifact, err, want)
	}
	names, err := a.Engine.Objects.List(t.Context(), "pipelines/orders/g0001/")
	if err != nil || len(names) != 0 {
		t.Errorf("of the old generation stay %v, %v", names, err)
	}
	runs, err := a.Runs(t.Context(), "orders", 1, 0)
	if err != nil || len(runs) != 0 {
		t.Errorf("%d runs of the old generation stay, %v", len(runs), err)
	}
}

// TestRebuildGoesOnAfterACrash kills a rebuild at its 1st, 14th, 27th … call of the stores: readers see the old or the new
// generation completely, and the next rebuild ends with the same bytes.
func TestRebuildGoesOnAfterACrash(t *testing.T) {
	t.Parallel()
	for n, more := 1, true; more; n += 13 {
		a := openTwoRuns(t)
		before := digestOf(t, a)
		plan := fault.NewPlan()
		mode := fault.Crash
		if n%2 == 0 {
			mode |= fault.After
		}
		plan.FailAt(n, mode)
		e := a.Engine
		dying := &reconcile.Engine{
			Project: e.Project, Objects: fault.Objects(e.Objects, plan),
			Catalog: fault.Catalog(e.Catalog, plan),
			Index:   fault.Index(e.Index, plan), Duck: e.Duck, Scratch: e.Scratch, Workers: 1, Now: e.Now, Log: e.Log,
		}
		_, err := rebuildHere(t.Context(), appOver(dying), "orders")
		if more = plan.Fired(); more == (err == nil) {
			t.Fatalf("call %d (%s) fails: %v, and the rebuild says %v", n, plan.Call(n), more, err)
		}
		if got := digestOf(t, a); got != before {
			t.Errorf("after a crash at %s readers see other artifacts", plan.Call(n))
		}
		rebuilt, err := a.Rebuild(t.Context(), "orders")
		if err != nil || rebuilt.DigestAfter != before || rebuilt.DigestBefore != before {
			t.Fatalf("after a crash at %s: %+v, %v", plan.Call(n), rebuilt, err)
		}
		checkRebuilt(t, a, `{"paid":"11.00","last":"4"}`)
	}
}

func TestBacklogLimitsGroupBatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		backlog string
		want    [][]uint64
	}{
		{"{max_batches: 2}", [][]uint64{{1, 2}, {3, 4}, {5}}},
		{"{max_events: 3}", [][]uint64{{1, 2}, {3}, {4, 5}}},
		{"{max_events: 1}", [][]uint64{{1}, {2}, {3}, {4}, {5}}},
		{"{max_batches: 3, max_events: 8}", [][]uint64{{1, 2}, {3, 4, 5}}},
		{"{}", [][]uint64{{1, 2, 3, 4, 5}}},
	} {
		t.Run(c.backlog, func(t *testing.T) {
			t.Parallel()
			a := openSmall(t, ordersYAML+"backlog: "+c.backlog+"\n")
			id := 0
			for _, events := range []int{1, 2, 6, 1, 1} { // by batch
				var batch []string
				for range events {
					id++
					batch = append(batch, fmt.Sprintf("%d k%d 1.00", id, id%3))
				}
				pay(t, a, batch...)
			}
			runAll(t, a, "orders")
			runs, err := a.Runs(t.Context(), "orders", 1, 0)
			if err != nil {
				t.Fatal(err)
			}
			var got [][]uint64
			for _, run := range runs {
				var batches []uint64
				for _, b := range run.Batches {
					batches = append(batches, b.Batch)
				}
				got = append(got, batches)
			}
			if !slices.EqualFunc(got, c.want, slices.Equal) {
				t.Errorf("runs of %v, want %v", got, c.want)
			}
			answer, err := a.Queries.Get(t.Context(), "orders", "k1", 0, false)
			if err != nil || string(answer.Artifact) != `{"paid":"4.00","last":"7"}` {
				t.Errorf("%s, %v", answer.Artifact, err)
			}
		})
	}
}

func TestGetAsOfAndHistory(t *testing.T) {
	t.Parallel()
	a := openTwoRuns(t)
	pay(t, a, "6 a 0.50")
	runAll(t, a, "orders")
	for _, c := range []struct {
		key     string
		asOf    uint64
		run     uint64
		want    string
		history int
	}{
		{"a", 0, 3, `{"paid":"11.50","last":"6"}`, 3},
		{"a", 3, 3, `{"paid":"11.50","last":"6"}`, 3},
		{"a", 2, 2, `{"paid":"11.00","last":"4"}`, 2},
		{"a", 1, 1, `{"paid":"10.00","last":"1"}`, 1},
		{"a", 99, 3, `{"paid":"11.50","last":"6"}`, 3},
		{`"b"`, 2, 1, `{"paid":"20.00","last":"2"}`, 1},
		{"d", 0, 2, `{"paid":"-4.00","last":"5"}`, 1},
		{"d", 1, 0, "", 0},
		{"nosuch", 0, 0, "", 0},
	} {
		answer, err := a.Queries.Get(t.Context(), "orders", c.key, c.asOf, true)
		if (err == nil) != (c.want != "") || string(answer.Artifact) != c.want || answer.Run != c.run || len(answer.History) != c.history {
			t.Errorf("%s as of %d: %+v, %v", c.key, c.asOf, answer, err)
		}
		for i, v := range answer.History {
			if i > 0 && v.Run >= answer.History[i-1].Run {
				t.Errorf("%s as of %d: history is not newest first: %+v", c.key, c.asOf, answer.History)
			}
		}
	}
}

// TestRebuildEndsWhileBatchesArrive seals a batch before each run of a rebuild is planned: those that were sealed when it
// began are in it, the others in the runs after.
func TestRebuildEndsWhileBatchesArrive(t *testing.T) {
	t.Parallel()
	a := openSmall(t, ordersYAML+"backlog: {max_batches: 1}\n")
	pay(t, a, "1 a 10.00")
	pay(t, a, "2 a 1.00")
	runAll(t, a, "orders")
	arrived := 2
	rebuilt, err := a.Rebuilder.Rebuild(t.Context(), "orders", func(ctx context.Context) error {
		for {
			arrived++
			pay(t, a, fmt.Sprintf("%d a 1.00", arrived))
			next, err := a.Steps.Next(ctx, "orders", 0, true)
			if err != nil || !next.Backlog {
				return err
			}
			mustStep(t, a, next.Ref, runs.StepNames...)
		}
	})
	if err != nil || rebuilt.Runs != 2 || arrived != 5 {
		t.Fatalf("%+v, %v after %d batches", rebuilt, err, arrived)
	}
	if runs := runAll(t, a, "orders"); runs != 3 {
		t.Errorf("%d runs after the rebuild, want one for each batch that came meanwhile", runs)
	}
	checkRebuilt(t, a, `{"paid":"14.00","last":"5"}`)
}
