// Tests of types.

package column

import "testing"

func TestWiden(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ a, b, want string }{
		{"string", "string", "string"},
		{"int", "int", "int"},
		{"int", "bigint", "bigint"},
		{"bigint", "int", "bigint"},
		{"int", "decimal(4,2)", "decimal(12,2)"},
		{"decimal(18,2)", "decimal(10,4)", "decimal(20,4)"},
		{"string", "date", ""},
		{"date", "string", ""},
		{"bool", "decimal(4,2)", ""},
		{"bool", "int", ""},
		{"bigint", "decimal(38,20)", ""},
		{"date", "timestamp", ""},
	} {
		a, errA := ParseType(c.a)
		b, errB := ParseType(c.b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		wide, ok := Widen(a, b)
		if got := wide.String(); ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%s and %s widen to %s, %v; want %q", c.a, c.b, got, ok, c.want)
		}
	}
}
