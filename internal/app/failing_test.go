// Runs through workflows on failing stores.

package app

import (
	"strings"
	"testing"

	"bursar/internal/failure"
	"bursar/internal/fault"
)

// TestWorkflowsSurviveFailures fails calls of the stores under running workflows. Transient errors are retried, and the run succeeds. Data
// errors stop it with their class, and the next run continues to the same digest.
func TestWorkflowsSurviveFailures(t *testing.T) {
	t.Parallel()
	undisturbed := openThreeBatches(t)
	runAll(t, undisturbed, "orders")
	want := digestOf(t, undisturbed)
	const stride = 211
	right := 0
	for n, more := 1+int(retailSeed(t)%stride), true; more; n += stride {
		for _, class := range []failure.Class{failure.Transient, failure.Data} {
			a, plan := openThreeBatches(t), fault.NewPlan()
			plan.FailWith(n, fault.Mode(n%2), failure.Wrap(class, fault.ErrInjected))
			a.reconcileOn(failingEngine(a, plan))
			_, err := a.Run(t.Context(), []string{"orders"}, nil)
			more = plan.Fired()
			if err == nil {
				right++
			}
			if more && class == failure.Data && err == nil || !more && err != nil {
				t.Fatalf("%s fails as %v: %v", plan.Call(n), class, err)
			}
			if err != nil && (failure.Of(err) != class || !strings.Contains(err.Error(), fault.ErrInjected.Error())) {
				t.Fatalf("%s fails as %v, reported as %v: %v", plan.Call(n), class, failure.Of(err), err)
			}
			plan.FailAt(0, fault.Before) // no call has that number
			if _, err := a.Run(t.Context(), []string{"orders"}, nil); err != nil {
				t.Fatalf("after a failure at %s: %v", plan.Call(n), err)
			}
			if got := digestOf(t, a); got != want {
				t.Fatalf("after a failure at %s the digest is another", plan.Call(n))
			}
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if right < 2 { // only reads of the command itself are not retried
		t.Errorf("%d runs ended right at once", right)
	}
}
