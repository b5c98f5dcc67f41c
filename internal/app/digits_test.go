// Sums that go beyond 38 digits on the way to a result that does not: they stop the run, and nothing wraps.

package app

import (
	"fmt"
	"strings"
	"testing"

	"bursar/internal/failure"
	"bursar/internal/reconcile/runs"
)

// openUnbounded opens a project without control totals, which would reject such rows.
func openUnbounded(t *testing.T) *App {
	t.Helper()
	return openFiles(t, map[string]string{
		"bursar.yaml": "threads: 1\n", "streams/payments.yaml": strings.Replace(paymentsYAML, "totals: {amount: {sum: amount}}\n", "", 1),
		"pipelines/orders.yaml": strings.Replace(ordersYAML, "conserve: {amount: paid}", "backlog: {max_batches: 1}", 1),
	})
}

// TestIntermediateOverflowStopsTheRun ingests 40 payments of 38 digits that cancel out, all positive ones first: in one batch, and
// each in a separate batch and run.
func TestIntermediateOverflowStopsTheRun(t *testing.T) {
	t.Parallel()
	var all []string
	for i := range 40 {
		sign := ""
		if i >= 20 {
			sign = "-"
		}
		all = append(all, fmt.Sprintf("%d a %s9%s.99", i, sign, strings.Repeat("0", 35)))
	}
	for name, batches := range map[string][][]string{"in one batch": {all}, "one by one": {all[:1], all[1:2], all[2:3]}} {
		a := openUnbounded(t)
		for _, batch := range batches {
			pay(t, a, batch...)
		}
		var stopped error
		for stopped == nil {
			next, err := a.Steps.Next(t.Context(), "orders", 0, false)
			if err != nil {
				t.Fatal(err)
			}
			if !next.Backlog {
				t.Fatalf("%s: nothing stops", name)
			}
			for _, step := range runs.StepNames {
				if _, stopped = a.Steps.Step(t.Context(), next.Ref, step); stopped != nil {
					break
				}
			}
		}
		if failure.Of(stopped) != failure.Data || !strings.Contains(stopped.Error(), "bursar rebuild orders") || strings.Contains(stopped.Error(), "90000") {
			t.Errorf("%s: %v [%v]", name, stopped, failure.Of(stopped))
		}
		if g, err := a.Queries.Current(t.Context(), "orders"); err != nil || g.Published > 1 {
			t.Errorf("%s: %d runs are published, %v", name, g.Published, err)
		}
	}
}

// TestSumsOf38DigitsCancelOut runs pairs of payments that cancel out: no sum exceeds 38 digits.
func TestSumsOf38DigitsCancelOut(t *testing.T) {
	t.Parallel()
	a := openUnbounded(t)
	large := "9" + strings.Repeat("0", 35) + ".99"
	for i := range 3 {
		pay(t, a, fmt.Sprintf("%d a %s", 2*i, large), fmt.Sprintf("%d a -%s", 2*i+1, large))
	}
	checkArtifact(t, a, `{"paid":"0.00","last":"5"}`)
}

// TestTotalsOfARunBeyond38Digits runs batches whose totals fit one by one, but not together.
func TestTotalsOfARunBeyond38Digits(t *testing.T) {
	t.Parallel()
	a := openSmall(t, ordersYAML)
	for i, key := range []string{"a", "b"} {
		pay(t, a, fmt.Sprintf("%d %s 9%s.99", i, key, strings.Repeat("0", 35)))
	}
	_, err := a.Steps.Next(t.Context(), "orders", 0, false)
	for _, name := range runs.StepNames {
		if err == nil {
			err = tryStep(t, a, name)
		}
	}
	if failure.Of(err) != failure.Data {
		t.Errorf("%v [%v]", err, failure.Of(err))
	}
}
