// Interrupted rebuilds that cannot be continued, or that are all that remains of a pipeline.

package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/reconcile/runs"
	"bursar/internal/reconcile/verify"
)

var errKilled = errors.New("killed")

// rebuildCut rebuilds orders and stops after the given number of steps, at the latest before the switch.
func rebuildCut(t *testing.T, a *App, steps int) {
	t.Helper()
	_, err := a.Rebuilder.Rebuild(t.Context(), "orders", func(ctx context.Context) error {
		for {
			next, err := a.Steps.Next(ctx, "orders", 0, true)
			if err != nil {
				return err
			}
			if !next.Backlog {
				return errKilled
			}
			for _, step := range runs.StepNames {
				if steps--; steps < 0 {
					return errKilled
				}
				if _, err := a.Steps.Step(ctx, next.Ref, step); err != nil {
					return err
				}
			}
		}
	})
	if !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
}

// openTwoBatches opens a project with two published runs, which a rebuild repeats as two runs.
func openTwoBatches(t *testing.T) *App {
	t.Helper()
	a := openSmall(t, ordersYAML+"backlog: {max_batches: 1}\n")
	pay(t, a, "1 a 10.00", "2 b 20.00", "3 c 30.00")
	pay(t, a, "4 a 1.00", "5 d -4.00")
	runAll(t, a, "orders")
	return a
}

// TestDamagedRebuildIsBegunAnew damages the result of an interrupted rebuild: the next rebuild starts from the beginning.
func TestDamagedRebuildIsBegunAnew(t *testing.T) {
	t.Parallel()
	run := "run/orders/g0002/00000001"
	for _, c := range []struct {
		name   string
		steps  int
		damage func(t *testing.T, a *App)
	}{
		{"a flipped part that a later run reads", 5, func(t *testing.T, a *App) { flip(t, a, partOfRebuild(t, a)) }},
		{"a flipped part that nothing but the last walk reads", 10, func(t *testing.T, a *App) { flip(t, a, partOfRebuild(t, a)) }},
		{"a missing part", 5, func(t *testing.T, a *App) {
			if err := a.Engine.Objects.Delete(t.Context(), partOfRebuild(t, a)); err != nil {
				t.Fatal(err)
			}
		}},
		{"missing index entries", 5, func(t *testing.T, a *App) {
			if err := a.Engine.Index.Drop(t.Context(), artifact.Space{Pipeline: "orders", Generation: 2}); err != nil {
				t.Fatal(err)
			}
		}},
		{"a missing run", 7, func(t *testing.T, a *App) { deleteKey(t, a, run) }},
		{"its generation is missing", 7, func(t *testing.T, a *App) { deleteKey(t, a, "generation/orders/g0002") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := openTwoBatches(t)
			before := digestOf(t, a)
			rebuildCut(t, a, c.steps)
			c.damage(t, a)
			rebuilt, err := rebuildHere(t.Context(), a, "orders")
			if err != nil || rebuilt.DigestAfter != before || rebuilt.Generation != 3 {
				t.Fatalf("%+v, %v", rebuilt, err)
			}
			checkRebuilt(t, a, `{"paid":"11.00","last":"4"}`)
			if left, err := a.Engine.Objects.List(t.Context(), "pipelines/orders/g0002/"); err != nil || len(left) > 0 {
				t.Errorf("of the generation that was given up stay %v, %v", left, err)
			}
		})
	}
}

// partOfRebuild returns the name of the first part of generation 2.
func partOfRebuild(t *testing.T, a *App) string {
	t.Helper()
	run, err := runs.Find(t.Context(), a.Engine.Catalog, runs.Ref{Pipeline: "orders", Generation: 2, Run: 1})
	if err != nil || len(run.Parts()) == 0 {
		t.Fatalf("%+v, %v", run, err)
	}
	return run.Parts()[0].Name
}

func deleteKey(t *testing.T, a *App, key string) {
	t.Helper()
	if err := a.Engine.Catalog.Update(t.Context(), func(tx catalog.Tx) error { return tx.Delete(key) }); err != nil {
		t.Fatal(err)
	}
}

// TestCatalogOfTheMiddleOfARebuild restores a catalog from the middle of a rebuild that has continued or ended since.
func TestCatalogOfTheMiddleOfARebuild(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		first, then int
	}{{"nothing planned", 0, 9}, {"one step done", 1, 8}, {"one run done", 5, 4}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := openTwoBatches(t)
			before, kept := digestOf(t, a), t.TempDir()
			rebuildCut(t, a, c.first)
			a = reopenChanged(t, a, func(state string) { copyFolder(t, state, kept) })
			rebuildCut(t, a, c.then)
			a = reopenChanged(t, a, func(state string) {
				content, err := os.ReadFile(filepath.Join(kept, "catalog.db"))
				if err == nil {
					err = os.WriteFile(filepath.Join(state, "catalog.db"), content, 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			})
			rebuilt, err := rebuildHere(t.Context(), a, "orders")
			if failure.Of(err) == failure.Transient { // a delta is missing: its step is retried
				rebuilt, err = rebuildHere(t.Context(), a, "orders")
			}
			if err != nil || rebuilt.DigestAfter != before {
				t.Fatalf("%+v, %v", rebuilt, err)
			}
			checkRebuilt(t, a, `{"paid":"11.00","last":"4"}`)
		})
	}
}

// TestDamagedBatchKeepsTheRebuild checks that an interrupted rebuild is kept if a batch is damaged, which would stop a new one, too.
func TestDamagedBatchKeepsTheRebuild(t *testing.T) {
	t.Parallel()
	a := openTwoBatches(t)
	rebuildCut(t, a, 5)
	path := objectPath(a, batchObject(t, a))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flip(t, a, batchObject(t, a))
	for range 2 {
		if _, err := rebuildHere(t.Context(), a, "orders"); err == nil {
			t.Fatal("a damaged batch is folded")
		}
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	rebuilt, err := rebuildHere(t.Context(), a, "orders")
	if err != nil || rebuilt.Generation != 2 {
		t.Fatalf("%+v, %v, want generation 2 continued", rebuilt, err)
	}
	checkRebuilt(t, a, `{"paid":"11.00","last":"4"}`)
}

// TestForgottenPipelineIsNotWhole kills a repair between removing a pipeline's records and the end of its rebuild.
func TestForgottenPipelineIsNotWhole(t *testing.T) {
	t.Parallel()
	a := openTwoBatches(t)
	before := digestOf(t, a)
	if err := a.Rebuilder.Forget(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	if err := a.Verifier.CheckRecords(t.Context(), "orders"); err == nil {
		t.Error("before its rebuild the pipeline passes for one that has never run")
	}
	rebuildCut(t, a, 2)
	_, planned := a.Steps.Next(t.Context(), "orders", 0, false)
	_, got := a.Queries.Get(t.Context(), "orders", "a", 0, false)
	_, exported := a.Queries.Export(t.Context(), "orders", discard{})
	_, verified := a.Verifier.Verify(t.Context(), "orders", verify.Options{})
	for what, err := range map[string]error{"run": planned, "get": got, "export": exported, "verify": verified} {
		mustRefuse(t, what, err, "bursar rebuild orders")
		if err != nil && strings.Contains(err.Error(), "has changed") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := a.Verifier.CheckRecords(t.Context(), "orders"); err == nil {
		t.Error("the records pass the check")
	}
	r := &repairer{App: a, backup: &backup{}}
	if err := r.repairPipelines(t.Context()); err != nil || len(r.out.Done) != 1 || len(r.out.Broken) != 0 {
		t.Errorf("%+v, %v", r.out, err)
	}
	if after := digestOf(t, a); after != before {
		t.Error("the repair made other artifacts")
	}
	checkArtifact(t, a, `{"paid":"11.00","last":"4"}`)
}

// TestMissingGenerationIsNotEmpty removes the document of the generation that readers see.
func TestMissingGenerationIsNotEmpty(t *testing.T) {
	t.Parallel()
	a := openTwoBatches(t)
	deleteKey(t, a, "generation/orders/g0001")
	_, planned := a.Steps.Next(t.Context(), "orders", 0, false)
	_, got := a.Queries.Get(t.Context(), "orders", "a", 0, false)
	for what, err := range map[string]error{"run": planned, "get": got, "records": a.Verifier.CheckRecords(t.Context(), "orders")} {
		mustRefuse(t, what, err, "bursar repair")
	}
	if _, err := rebuildHere(t.Context(), a, "orders"); err != nil {
		t.Fatal(err)
	}
	checkRebuilt(t, a, `{"paid":"11.00","last":"4"}`)
}

// TestDamagedRebuildIsBegunAnewThroughTemporal rebuilds through the workflow, whose error has only a class.
func TestDamagedRebuildIsBegunAnewThroughTemporal(t *testing.T) {
	t.Parallel()
	a := openTwoBatches(t)
	before := digestOf(t, a)
	rebuildCut(t, a, 5)
	flip(t, a, partOfRebuild(t, a))
	rebuilt, err := a.Rebuild(t.Context(), "orders")
	if err != nil || rebuilt.DigestAfter != before || rebuilt.Generation != 3 {
		t.Fatalf("%+v, %v", rebuilt, err)
	}
	checkRebuilt(t, a, `{"paid":"11.00","last":"4"}`)
}
