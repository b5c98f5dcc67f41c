// Partitions and attempts with a stale view of a run: the state that a run prefetches is decided once.

package app

import (
	"context"
	"strings"
	"sync"
	"testing"

	"bursar/internal/catalog"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/runs"
	"bursar/internal/reconcile/step"
)

// delayedCatalog calls before once, before its first Update.
type delayedCatalog struct {
	catalog.Catalog
	once   sync.Once
	before func()
}

func (c *delayedCatalog) Update(ctx context.Context, fn func(catalog.Tx) error) error {
	c.once.Do(c.before)
	return c.Catalog.Update(ctx, fn)
}

// engineOver returns the app's engine on another catalog.
func engineOver(a *App, c catalog.Catalog) *reconcile.Engine {
	e := a.Engine
	return &reconcile.Engine{
		Project: e.Project, Objects: e.Objects, Catalog: c, Index: e.Index,
		Duck: e.Duck, Scratch: e.Scratch, Workers: 1, Now: e.Now, Log: e.Log,
	}
}

// appOver returns an app that reconciles on another engine.
func appOver(e *reconcile.Engine) *App {
	a := &App{Project: e.Project, log: e.Log}
	a.reconcileOn(e)
	return a
}

// openPlanned opens a project with two planned runs over the same keys.
func openPlanned(t *testing.T) (a *App, first, second runs.Ref) {
	t.Helper()
	a = openSmall(t, ordersYAML+"partitions: 2\nbacklog: {max_batches: 1}\n")
	pay(t, a, "1 a 10.00", "2 b 20.00", "3 c 30.00", "4 d 1.00", "5 e 5.00", "6 f 6.00")
	pay(t, a, "7 a 1.00", "8 b 2.00", "9 c 3.00", "10 d 4.00", "11 e 5.00", "12 f 6.00")
	first, second = runs.Ref{Pipeline: "orders", Generation: 1, Run: 1}, runs.Ref{Pipeline: "orders", Generation: 1, Run: 2}
	for after := range uint64(2) {
		if next, err := a.Steps.Next(t.Context(), "orders", after, false); err != nil || next.Ref.Run != after+1 {
			t.Fatalf("%+v, %v", next, err)
		}
	}
	return a, first, second
}

// openLagging opens a project with run 1 merged but not indexed, and run 2 reduced.
func openLagging(t *testing.T) (a *App, first, second runs.Ref) {
	t.Helper()
	a, first, second = openPlanned(t)
	mustStep(t, a, first, "reduce", "prefetch", "merge")
	mustStep(t, a, second, "reduce")
	return a, first, second
}

func mustStep(t *testing.T, a *App, ref runs.Ref, steps ...runs.StepName) {
	t.Helper()
	for _, step := range steps {
		if _, err := a.Steps.Step(t.Context(), ref, step); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPartitionsPrefetchTheSameState lets one partition read the run before the other decides its prefetched state, and continue
// after an earlier run was indexed.
func TestPartitionsPrefetchTheSameState(t *testing.T) {
	t.Parallel()
	for _, late := range []int{0, 1} {
		a, first, second := openLagging(t)
		delayed := &delayedCatalog{Catalog: a.Engine.Catalog, before: func() {
			if _, err := a.Steps.Partition(t.Context(), second, "prefetch", 1-late); err != nil {
				t.Error(err)
			}
			mustStep(t, a, first, "index")
		}}
		if _, err := step.New(engineOver(a, delayed)).Partition(t.Context(), second, "prefetch", late); err != nil {
			t.Fatal(err)
		}
		mustStep(t, a, first, "publish")
		mustStep(t, a, second, "prefetch", "merge", "index", "publish")
		if name, detail := firstFailed(t, a); name != "" {
			t.Errorf("partition %d late: %s fails: %s", late, name, detail)
		}
	}
}

// TestLateAttemptDoesNotMoveTheState delays an attempt between reading the run and deciding its prefetched state, until another
// attempt has completed the prefetch.
func TestLateAttemptDoesNotMoveTheState(t *testing.T) {
	t.Parallel()
	a, first, second := openLagging(t)
	delayed := &delayedCatalog{Catalog: a.Engine.Catalog, before: func() {
		mustStep(t, a, second, "prefetch")
		mustStep(t, a, first, "index")
	}}
	if _, err := step.New(engineOver(a, delayed)).Step(t.Context(), second, "prefetch"); err != nil {
		t.Fatal(err)
	}
	mustStep(t, a, first, "publish")
	mustStep(t, a, second, "merge", "index", "publish")
	if name, detail := firstFailed(t, a); name != "" {
		t.Errorf("%s fails: %s", name, detail)
	}
}

// TestRunsThatAreSplitOtherwiseLoseNothing has two runs in flight, one of which was planned by an earlier version with another
// partition hash.
func TestRunsThatAreSplitOtherwiseLoseNothing(t *testing.T) {
	t.Parallel()
	for earlier := uint64(1); earlier <= 2; earlier++ {
		a, first, second := openPlanned(t)
		run := runOfOrders(t, a, int(earlier))
		run.Split = ""
		putRun(t, a, run)
		mustStep(t, a, first, "reduce", "prefetch", "merge")
		mustStep(t, a, second, "reduce", "prefetch", "merge")
		mustStep(t, a, first, "index", "publish")
		mustStep(t, a, second, "index", "publish")
		for key, want := range map[string]string{"a": "11.00", "b": "22.00", "c": "33.00", "d": "5.00", "e": "10.00", "f": "12.00"} {
			answer, err := a.Queries.Get(t.Context(), "orders", key, 0, false)
			if err != nil || !strings.Contains(string(answer.Artifact), `"paid":"`+want+`"`) {
				t.Errorf("run %d split otherwise: %s is %s, %v, want %s", earlier, key, answer.Artifact, err, want)
			}
		}
		if name, detail := firstFailed(t, a); name != "" {
			t.Errorf("run %d split otherwise: %s fails: %s", earlier, name, detail)
		}
	}
}
