// A retried step whose first attempt made its run start again from the events: the steps before it are repeated first.

package app

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"bursar/internal/failure"
	"bursar/internal/reconcile/runs"
)

// truncate truncates the objects that a step of a run made.
func truncate(t *testing.T, a *App, run runs.Run, step runs.StepName) {
	t.Helper()
	cut := 0
	for _, share := range run.Steps[step].Shares {
		for _, o := range share.Objects {
			cut++
			if err := os.Truncate(objectPath(a, o.Name), 10); err != nil {
				t.Fatal(err)
			}
		}
	}
	if cut == 0 {
		t.Fatalf("%s made nothing", step)
	}
}

func TestRetriedStepStartsFromTheEvents(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ damaged, at runs.StepName }{
		{"reduce", "prefetch"}, {"reduce", "merge"}, {"prefetch", "merge"}, {"merge", "index"},
	} {
		for _, partitions := range []int{1, 2} {
			for _, shared := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s of %s with %d partitions, %v", c.at, c.damaged, partitions, shared), func(t *testing.T) {
					t.Parallel()
					a := openSmall(t, ordersYAML+fmt.Sprintf("partitions: %d\n", partitions))
					pay(t, a, "1 a 10.00", "2 b 20.00", "5 c 1.00", "6 d 1.00")
					runAll(t, a, "orders")
					pay(t, a, "3 a 1.00", "4 d -4.00", "7 e 2.00", "8 f 3.00")
					for _, name := range runs.StepNames {
						if name == c.at {
							break
						}
						if err := tryStep(t, a, name); err != nil {
							t.Fatal(err)
						}
					}
					truncate(t, a, runOfOrders(t, a, 2), c.damaged)
					retryUntilDone(t, a, c.at, partitions, shared)
					if resets := runOfOrders(t, a, 2).Resets; resets != 1 {
						t.Errorf("the run started again %d times", resets)
					}
					checkArtifact(t, a, `{"paid":"11.00","last":"3"}`)
				})
			}
		}
	}
}

// retryUntilDone retries a step of run 2, by partitions or as a whole, and continues with the steps after it.
func retryUntilDone(t *testing.T, a *App, at runs.StepName, partitions int, shared bool) {
	t.Helper()
	ref := runs.Ref{Pipeline: "orders", Generation: 1, Run: 2}
	try := func() (err error) {
		for p := range partitions {
			if shared {
				_, failed := a.Steps.Partition(t.Context(), ref, at, p)
				err = errors.Join(err, failed)
			}
		}
		if err == nil {
			_, err = a.Steps.Step(t.Context(), ref, at)
		}
		return err
	}
	err := try()
	if err == nil || !strings.Contains(err.Error(), "starts again from the events") || failure.Of(err) != failure.Transient {
		t.Fatalf("%s on damaged input: %v [%v]", at, err, failure.Of(err))
	}
	if err := try(); err != nil {
		t.Fatalf("%s tried again: %v", at, err)
	}
	if run := runOfOrders(t, a, 2); run.Trouble != nil || run.Steps["reduce"].Rows != 4 {
		t.Errorf("steps %+v, trouble %+v", run.Steps, run.Trouble)
	}
}

// TestRunThatStartsAgainIsNotSkipped makes a run start again from the events at its index step, while the next run is merged and
// the one after is prefetched: the latter waits for it.
func TestRunThatStartsAgainIsNotSkipped(t *testing.T) {
	t.Parallel()
	a := openSmall(t, ordersYAML+"backlog: {max_batches: 1}\n")
	pay(t, a, "1 a 10.00", "2 b 20.00")
	pay(t, a, "3 b 1.00")
	pay(t, a, "4 a 1.00")
	var refs []runs.Ref
	for after := range uint64(3) {
		next, err := a.Steps.Next(t.Context(), "orders", after, false)
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, next.Ref)
	}
	for _, ref := range refs[:2] {
		mustStep(t, a, ref, "reduce", "prefetch", "merge")
	}
	mustStep(t, a, refs[2], "reduce", "prefetch")
	truncate(t, a, runOfOrders(t, a, 1), "merge")
	if _, err := a.Steps.Step(t.Context(), refs[0], "index"); err == nil {
		t.Fatal("a part that is cut off is indexed")
	}
	_, err := a.Steps.Step(t.Context(), refs[2], "merge")
	if err == nil || failure.Of(err) != failure.Transient {
		t.Errorf("run 3 is merged without what run 1 makes: %v", err)
	}
	checkArtifact(t, a, `{"paid":"11.00","last":"4"}`)
}

// TestDamagedDeltaIsMadeAgainInTheSameRun checks that Temporal retries the step that found the damage and the command succeeds.
func TestDamagedDeltaIsMadeAgainInTheSameRun(t *testing.T) {
	t.Parallel()
	a := openTwoRuns(t)
	pay(t, a, "6 a 0.50")
	if err := tryStep(t, a, "reduce"); err != nil {
		t.Fatal(err)
	}
	truncate(t, a, runOfOrders(t, a, 3), "reduce")
	if _, err := a.Run(t.Context(), []string{"orders"}, nil); err != nil {
		t.Fatal(err)
	}
	checkArtifact(t, a, `{"paid":"11.50","last":"6"}`)
}
