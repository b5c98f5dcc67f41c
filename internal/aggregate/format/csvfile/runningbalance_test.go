// Tests of running balances.

package csvfile

import (
	"strings"
	"testing"
)

// TestRunningBalance reads rows of date, amount and balance.
func TestRunningBalance(t *testing.T) {
	t.Parallel()
	r := newReader(t, "account: LT62\ncurrency: EUR\ncolumns: {booked: D, amount: A, balance: B}")
	for name, c := range map[string]struct{ rows, want, fault string }{
		"forwards":                  {"01 5 105;02 -10 95;02 1 96", "OPBD 100.00 01 CLBD 96 02", ""},
		"backwards":                 {"02 1 96;02 -10 95;01 5 105", "OPBD 100.00 01 CLBD 96 02", ""},
		"one row":                   {"01 5 105", "OPBD 100.00 01 CLBD 105 01", ""},
		"a gap":                     {"01 5 105;01 1 ;01 1 ;02 -2 105", "OPBD 100.00 01 CLBD 105 02", ""},
		"a wrong balance":           {"01 5 105;02 -10 95;02 1 97", "", "the balance of line 4 is 97, and the rows before it make it 96.00: 1.00 between them"},
		"none at the end":           {"01 5 105;02 1 ", "", ""},
		"none at the beginning":     {"01 5 ;02 1 106", "", ""},
		"none at all":               {"01 5 ;02 1 ", "", ""},
		"an invalid amount":         {"01 5 105;02 x 105", "", ""},
		"an invalid balance":        {"01 5 105;02 1 x;02 1 107", "", "the balance of line 3 is no number: `x`"},
		"either way, by date":       {"01 5 5;02 -5 0", "OPBD 0.00 01 CLBD 0 02", ""},
		"either way, by date back":  {"02 5 5;01 -5 0", "OPBD 5.00 01 CLBD 5 02", ""},
		"either way, and one date":  {"01 5 5;01 -5 0", "", ""},
		"backwards by chance":       {"01 1 11;02 -2 10", "", "the balance of line 3 is 10, and the rows before it make it 9.00: 1.00 between them"},
		"forwards by chance":        {"02 -1 9;01 2 11", "", "the balance of line 3 is 11, and the rows before it make it 10.00: 1.00 between them"},
		"one date, wrong":           {"01 5 105;01 1 107;01 1 108", "", "the balance of line 3 is 107, and the rows before it make it 106.00: 1.00 between them"},
		"backwards and wrong":       {"03 1 96;02 -10 94;01 5 105", "", "the balance of line 3 is 94, and the rows before it make it 95.00: -1.00 between them"},
		"a row that cannot be read": {"01 5 105;02;02 1 106", "", ""},
	} {
		text := "D,A,B\n"
		for row := range strings.SplitSeq(c.rows, ";") {
			text += "2024-01-" + strings.ReplaceAll(row, " ", ",") + "\n"
		}
		got := []string{}
		s := readAll(t, r, text).Statements[0]
		for _, balance := range s.Balances {
			got = append(got, balance.Code, balance.Amount, strings.TrimPrefix(balance.Date, "2024-01-"))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if fault := strings.TrimPrefix(s.Fault, "line 3 has 1 fields, and the header 3"); !strings.HasPrefix(fault, "line 3 cannot be read: column `A` is `x`") && fault != c.fault {
			t.Errorf("%s: its fault is %q, want %q", name, fault, c.fault)
		}
	}
}
