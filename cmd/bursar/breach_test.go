// Runs whose totals do not balance because of what the project declares.

package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestBreachNamesDeclaration: a value that `in` has and no fold takes stops each run, until what the message names is declared.
func TestBreachNamesDeclaration(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	in := func(code int, args ...string) outcome {
		t.Helper()
		return must(t, code, append(args, "--project", dir)...)
	}
	in(0, "ingest", "payments", filepath.Join(dir, "sample", "payments.jsonl"))
	in(0, "run")
	rewrite(t, dir, "streams/payments.yaml", "payment, refund]", "payment, refund, fee]")
	in(0, "ingest", "payments", file(t, dir, "fee.jsonl", strings.Replace(good("x"), `"payment"`, `"fee"`, 1)))
	const want = "amount of USD should move by 1.00, moves by 0.00; nothing of this run is visible: look at `conserve` in pipelines/orders.yaml:28, " +
		`which says amount: "shipped + paid + refunded"; no fold names type ` + "`fee` (streams/payments.yaml:12): " +
		"add a fold for such events to the artifact and to this entry, then run `bursar rebuild orders`"
	for range 2 {
		if got := in(4, "run"); !strings.Contains(got.err, want) {
			t.Errorf("run prints %s", got.err)
		}
	}
	if got := in(0, "status"); !strings.Contains(got.out, "1 event in 1 batch") || !strings.Contains(got.out, want) || strings.Contains(got.out, "next: bursar run") {
		t.Errorf("status prints %s", got.out)
	}
	rewrite(t, dir, "pipelines/orders.yaml", "  first_at:", "  fees: {sum: amount, where: \"type = 'fee'\"}\n  first_at:")
	rewrite(t, dir, "pipelines/orders.yaml", "paid + refunded\"", "paid + refunded + fees\"")
	in(0, "rebuild", "orders")
	if got := in(0, "get", "orders", `["x","USD"]`); !strings.Contains(got.out, "1.00") {
		t.Errorf("get prints %s", got.out)
	}
}

// TestBreachOfExpression: an expression that leaves out what a fold takes is named as well.
func TestBreachOfExpression(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	rewrite(t, dir, "pipelines/orders.yaml", "paid + refunded\"", "paid\"")
	must(t, 0, "ingest", "payments", filepath.Join(dir, "sample", "payments.jsonl"), "--project", dir)
	got := must(t, 4, "run", "--project", dir)
	if !strings.Contains(got.err, "look at `conserve` in pipelines/orders.yaml:28, which says amount: \"shipped + paid\"; it must count every event that the total sums: add what it leaves out") {
		t.Errorf("run prints %s", got.err)
	}
}
