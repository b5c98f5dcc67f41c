// The next steps that quarantine shows: for rows that a grown schema accepts, and for those that none accepts.

package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestQuarantineNamesDeclaration(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ row, want string }{
		{strings.Replace(good("2"), `"payment"`, `"gift"`, 1), "next: add the value to `in` of type (streams/payments.yaml:12) and bursar quarantine payments --retry, or"},
		{strings.Replace(good("2"), `"type":"payment",`, "", 1), "next: declare `optional: true` for type (streams/payments.yaml:12) and bursar quarantine payments --retry, or"},
		{line(`"2"`, `"1.005"`, today, `"2"`), "next: declare decimal(19,3), which has more decimals, for amount (streams/payments.yaml:14), follow `bursar check` (computed columns, a rebuild) and bursar quarantine payments --retry, or"},
		{strings.Replace(good("2"), `"event_id":"2",`, "", 1), "next: no allowed change of stream payments accepts row 1:2: correct it at its source"},
		{line(`"2"`, `"1.00"`, "yesterday", `"2"`), "next: no allowed change of stream payments accepts row 1:2: correct it at its source"},
		{"no JSON\n", "next: no allowed change of stream payments accepts row 1:2: correct it at its source"},
	} {
		dir := shop(t)
		must(t, 0, "ingest", "payments", file(t, dir, "rows.jsonl", good("1")+c.row), "--project", dir)
		if got := must(t, 0, "quarantine", "--project", dir).out; !strings.Contains(got, c.want) || strings.Contains(c.want, "no allowed change") == strings.Contains(got, "--retry") {
			t.Errorf("of %s quarantine prints %s, want %s", c.row, got, c.want)
		}
	}
}

// TestRetriedBatch: the table shows the batch of a row that was retried.
func TestRetriedBatch(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	must(t, 0, "ingest", "payments", filepath.Join(dir, "sample", "payments.jsonl"), file(t, dir, "bad.jsonl", badRow+strings.Replace(good("f"), `"payment"`, `"fee"`, 1)), "--project", dir)
	rewrite(t, dir, "streams/payments.yaml", "payment, refund]", "payment, refund, fee]")
	got := must(t, 0, "quarantine", "--retry", "--project", dir).out
	if !strings.Contains(got, "│ kept in batch │") || !strings.Contains(got, "│ 2:1 │             2 │") {
		t.Errorf("quarantine prints %s", got)
	}
}
