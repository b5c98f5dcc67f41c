// Rows in quarantine whose id was accepted before with other values.

package main

import (
	"strings"
	"testing"
)

// TestConflictNamesItsColumns shows of each conflict which columns differ, and both values; the accepted event may itself have come out of
// quarantine.
func TestConflictNamesItsColumns(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	must(t, 0, "ingest", "payments", file(t, dir, "first.jsonl", good("a")+badRow), "--project", dir)
	rewrite(t, dir, "streams/payments.yaml", "in: [shipment,", "in: [gift, shipment,")
	must(t, 0, "quarantine", "payments", "--retry", "--project", dir)
	second := strings.Replace(good("a"), `"1.00"`, `"2.50"`, 1) + strings.NewReplacer("gift", "shipment", "USD", "EUR").Replace(badRow) + good("new")
	must(t, 0, "ingest", "payments", file(t, dir, "second.jsonl", second), "--project", dir)
	rows := value(t, must(t, 0, "quarantine", "--project", dir, "--json"))
	for i, want := range []map[string][2]string{{"amount": {"1.00", "2.50"}}, {"currency": {"USD", "EUR"}, "type": {"gift", "shipment"}}} {
		row := item(t, rows, "rows", i)
		list, _ := row["differences"].([]any)
		if len(list) != len(want) {
			t.Errorf("row %d differs in %v", i, list)
		}
		for n := range list {
			d := item(t, row, "differences", n)
			if got := [2]string{plainText(d["accepted"]), plainText(d["rejected"])}; got != want[plainText(d["column"])] {
				t.Errorf("row %d differs in %v, want %v", i, d, want)
			}
		}
	}
	shown := must(t, 0, "quarantine", "--project", dir).out
	for _, want := range []string{"amount is", "accepted was", "currency is"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not shown:\n%s", want, shown)
		}
	}
}

func plainText(value any) string {
	s, _ := value.(string)
	return s
}
