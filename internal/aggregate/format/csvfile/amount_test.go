// Tests of amounts.

package csvfile

import (
	"strings"
	"testing"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/project"
)

func TestAmount(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text        string
		mark, group byte
		want        string
		ok          bool
	}{
		{"1.234.567,89", ',', '.', "1234567.89", true},
		{"-1.234", ',', '.', "-1234", true},
		{"1.23", ',', '.', "`1.23`", false},
		{"1.234", ',', 0, "`1.234`", false},
		{"1e3", '.', 0, "`1e3`", false},
		{"1234.567,00", ',', '.', "1234.567,00", false},
		{".123", ',', '.', "`.123`", false},
		{"12,345.60", '.', ',', "12345.60", true},
		{"1 234,50", ',', ' ', "1234.50", true},
		{"1\u202f234,50", ',', ' ', "1234.50", true},
		{"1\u00a0234,50-", ',', ' ', "-1234.50", true},
		{"1’234.50", '.', '\'', "1234.50", true},
		{"\u22125,00", ',', 0, "-5.00", true},
		{"5,00+", ',', 0, "5.00", true},
		{"-5,00-", ',', 0, "-5,00-", false},
		{"-", ',', 0, "`-`", false},
		{"1.234,50", ',', 0, "1.234,50", false},
		{"1.000.", '.', ',', "1.000.", false},
		{"5 EUR", ',', ' ', "5 EUR", false},
		{"", '.', ',', "", false},
		{"1,234,567,890,123,456,789.00", '.', ',', "1,234,567,890,123,456,789.00", false},
	} {
		got := parseNumber(c.text, &project.CSVMapping{Decimal: c.mark, Group: c.group})
		if got.decimal != c.want || got.ok != c.ok {
			t.Errorf("parseNumber(%q) with %q and %q = %q, %v; want %q, %v", c.text, c.mark, c.group, got.decimal, got.ok, c.want, c.ok)
		}
	}
}

// TestSignedAmounts reads one row in each case and checks its amount.
func TestSignedAmounts(t *testing.T) {
	t.Parallel()
	const head = "account: LT62\ncurrency: EUR\ndelimiter: ;\n"
	marked := newReader(t, head+"columns: {booked: D, amount: A, sign: {column: S, credit: [H, C], debit: [S]}}")
	two := newReader(t, head+"columns: {booked: D, credit: A, debit: S}")
	for _, c := range []struct {
		r               *Reader
		a, s, want, why string
	}{
		{marked, "5", "H", "5", ""},
		{marked, "5", "C", "5", ""},
		{marked, "5.10", "S", "-5.10", ""},
		{marked, "0", "S", "0", ""},
		{marked, "-5", "S", "-5 S", "signed and marked"},
		{marked, "5-", "S", "5- S", "signed and marked"},
		{marked, "+5", "H", "+5 H", "signed and marked"},
		{marked, "5", "X", "5 X", "a mark that means nothing"},
		{marked, "5", "", "`5`", "no mark"},
		{marked, "", "S", "", "no amount"},
		{two, "5", "", "5", ""},
		{two, "", "5", "-5", ""},
		{two, "", "-5", "-5", ""},
		{two, "0.00", "5", "-5", ""},
		{two, "5", "0.00", "5", ""},
		{two, "", "0.00", "0.00", ""},
		{two, "0", "0.00", "0", ""},
		{two, "5", "6", "5 / 6", "both"},
		{two, "-5", "", "-5 /", "a credit below zero"},
		{two, "x", "", "x /", "no number"},
		{two, "", "y", "/ y", "no number"},
		{two, "", "", "", "neither"},
	} {
		table, err := openTable(strings.NewReader("D;A;S\n2024-01-02;"+c.a+";"+c.s+"\n"), statement.Buffer(nil), c.r.mapping)
		if err != nil {
			t.Fatal(err)
		}
		row, err := table.next()
		if err != nil {
			t.Fatal(err)
		}
		if got, reason := table.signedAmount(row, "EUR"); got != c.want || (reason == "") != (c.why == "") {
			t.Errorf("%q, %q is %q, %s; want %q, which is not a number because: %s", c.a, c.s, got, reason, c.want, c.why)
		}
	}
}
