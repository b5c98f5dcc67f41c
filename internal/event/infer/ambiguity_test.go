// Tests of columns whose values fit several types.

package infer

import (
	"strings"
	"testing"
)

// TestDoubts expects a remark wherever a column of numbers can be read in two ways, or is not read as numbers at all
// for the way its signs are written.
func TestDoubts(t *testing.T) {
	t.Parallel()
	const (
		mayGroup   = `CHECK: '.' is read as the decimal mark, but may group digits: three digits follow it everywhere; if it groups digits, write type: int, decimal: ",", group: "."`
		mayDecimal = `CHECK: ',' is read as a group mark, but may be the decimal mark: three digits follow it everywhere; if it is, write type: "decimal(18,3)", decimal: ","`
	)
	for _, c := range []struct {
		name, data, want string
	}{
		{"dot.csv", "amount\n1.234\n22.500\n999\n", `amount: {type: "decimal(18,3)"} # ` + mayGroup},
		{"comma.csv", "amount\n\"1,234\"\n\"-22,500\"\n", `amount: {type: int, group: ","} # ` + mayDecimal},
		{"semicolon.csv", "amount;b\n1,234;1\n22,500;1\n", `amount: {type: "decimal(18,3)", decimal: ","} # CHECK: ',' is read as the decimal mark, but may group digits: three digits follow it everywhere; if it groups digits, write type: int, group: ","`},
		{"texts.jsonl", `{"amount":"1.234"}` + "\n", `amount: {type: "decimal(18,3)"} # ` + mayGroup},
		{"blanks.csv", "amount;b\n1\u00a0234,50;1\n1\u202f234\u202f567,50;1\n", `amount: {type: "decimal(18,2)", decimal: ",", group: " "} # CHECK: ' ' is read as a group mark` + "\n"},
		{"millions.csv", "amount\n\"1,234,567\"\n\"1,234\"\n", `amount: {type: int, group: ","} # CHECK: ',' is read as a group mark` + "\n"},
		{"numbers.jsonl", `{"amount":1.234}` + "\n", `amount: {type: "decimal(18,3)"}` + "\n"},
		{"zero.csv", "amount\n1.234\n0.500\n", `amount: {type: "decimal(18,3)"}` + "\n"},
		{"long.csv", "amount\n1.234\n1234.500\n", `amount: {type: "decimal(18,3)"}` + "\n"},
		{"short.csv", "amount\n1.234\n1.5\n", `amount: {type: "decimal(18,3)"}` + "\n"},

		{"plus.csv", "amount\n+1.00\n-2.50\n+3\n", `amount: {type: "decimal(18,2)"}` + "\n"},
		{"phone.csv", "phone\n+420777123456\n777123456\n", `phone: {type: string} # +420777123456 would not keep its notation as bigint`},
		{"behind.csv", "amount\n1.00-\n2.50\n", `amount: {type: string} # CHECK: 1.00- looks like a number, but it has brackets, a sign behind it or a currency beside it, which a stream does not read; let the source write -1.00, then type: "decimal(18,2)" accepts all values`},
		{"brackets.csv", "amount;b\n(1,00);1\n2,50;1\n", `amount: {type: string} # CHECK: (1,00) looks like a number, but it has brackets, a sign behind it or a currency beside it, which a stream does not read; let the source write -1,00, then type: "decimal(18,2)", decimal: "," accepts all values`},
		{"apart.csv", "amount\n- 1.00\n2.50\n", `let the source write -1.00, then`},
		{"unicode.jsonl", `{"amount":"−1.00"}` + "\n", `let the source write -1.00, then`},
		{"currency.csv", "amount;b\n€ 1,00;1\n-2,50 €;1\n", `CHECK: € 1,00 looks like a number, but it has brackets, a sign behind it or a currency beside it, which a stream does not read; let the source write 1,00, then type: "decimal(18,2)", decimal: "," accepts all values`},
		{"codes.csv", "code\n(1)\nx-\n", `code: {type: string}` + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := write(t, c.name, c.data)
			text, err := Stream(path, "")
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(squeezed(text), c.want) {
				t.Errorf("no %q in\n%s", c.want, text)
			}
			if _, rejects := guessed(t, path, text); len(rejects) > 0 {
				t.Errorf("rejected %+v by\n%s", rejects, text)
			}
		})
	}
}
