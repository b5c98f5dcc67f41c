// Tests of the types that a remedy names.

package intake

import (
	"testing"

	"bursar/internal/column"
)

func TestWiderType(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ declared, reason, want string }{
		{"decimal(18,2)", `"18.005" does not fit decimal(18,2): it has more decimals`, "decimal(19,3), which has more decimals,"},
		{"decimal(18,2)", `"-0,00500" does not fit decimal(18,2): it has more decimals`, "decimal(19,3), which has more decimals,"},
		{"decimal(4,2)", `"0123.00" does not fit decimal(4,2): it is too large`, "decimal(5,2), which has more digits,"},
		{"decimal(4,2)", `"1.5e3" does not fit decimal(4,2): it is too large`, "a wider type"},
		{"decimal(38,2)", `"18.005" does not fit decimal(38,2): it has more decimals`, ""},
		{"int", `"1.5" does not fit int: it has more decimals`, "decimal(11,1), which has more decimals,"},
		{"int", `"3000000000" does not fit int: it is too large`, "bigint, which has more digits,"},
		{"bigint", `"30000000000000000000" does not fit bigint: it is too large`, "decimal(20,0), which has more digits,"},
		{"string", `"a" does not fit string: it is too large`, ""},
	} {
		declared, err := column.ParseType(c.declared)
		if err != nil {
			t.Fatal(err)
		}
		if got := widerType(declared, c.reason); got != c.want {
			t.Errorf("%s, %s: %q, want %q", c.declared, c.reason, got, c.want)
		}
	}
}
