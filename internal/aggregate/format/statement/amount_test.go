// Tests of amounts and sums, compared with math/big.

package statement

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strconv"
	"testing"
)

func TestAmount(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		mark byte
		want string
		ok   bool
	}{
		{"12,", ',', "12", true},
		{".09", '.', "0.09", true},
		{"-0007.50", '.', "-7.50", true},
		{"+5", '.', "5", true},
		{"-0.00", '.', "0.00", true},
		{"-.0", '.', "0.0", true},
		{"+.5", '.', "0.5", true},
		{"12.", '.', "12", true},
		{"012.50", '.', "12.50", true},
		{"-12.50", '.', "-12.50", true},
		{"12,50", ',', "12.50", true},
		{"1.500000", '.', "1.50000", true},
		{"27229398.96", '.', "27229398.96", true},
		{"1.123456", '.', "1.123456", false},
		{"1.1234500", '.', "1.12345", true},
		{"1.234,50", ',', "1.234,50", false},
		{"", '.', "", false},
		{".", '.', ".", false},
		{"1e5", '.', "`1e5`", false},
		{"1E-5", ',', "`1E-5`", false},
		{"1.234", ',', "`1.234`", false},
		{"1234567890123456789", ',', "`1234567890123456789`", false},
		{"NaN", '.', "NaN", false},
		{"1234567890123456789", '.', "1234567890123456789", false},
		{"--1", '.', "--1", false},
		{"٣", '.', "٣", false},
		{" 1", '.', " 1", false},
	} {
		if got, ok := Amount(c.text, c.mark); got != c.want || ok != c.ok {
			t.Errorf("Amount(%q) = %q, %v; want %q, %v", c.text, got, ok, c.want, c.ok)
		}
	}
}

func TestSum(t *testing.T) {
	t.Parallel()
	var s, other Sum
	for _, text := range []string{"0.1", "0.2", "-5.00001", "999999999999999999.99999"} {
		if !s.Add(text) {
			t.Errorf("%s is not added", text)
		}
	}
	if s.Add("x") || s.String() != "999999999999999995.29998" {
		t.Errorf("the sum is %s", &s)
	}
	other.Add("999999999999999995.29998")
	s = s.Minus(other)
	if s.Sign() != 0 || s.String() != "0.00" {
		t.Errorf("the difference is %s", &s)
	}
	s.Add("-0.5")
	if s.String() != "-0.50" || Negate("0.50") != "-0.50" || Negate("-3") != "3" || Negate("0.00") != "0.00" || Negate("x") != "x" {
		t.Errorf("signs: %s, %s", &s, Negate("0.50"))
	}
}

func TestErrorNamesPlaceReasonAndHint(t *testing.T) {
	t.Parallel()
	err := Refuse(Place{3, 17}, "no <%s>", "Amt").Advise("ask the bank")
	if err.Error() != "3:17: no <Amt>; ask the bank" {
		t.Error(err)
	}
}

// TestSumOfAnySize compares sums of amounts of any length, some beyond an int64, with math/big.
func TestSumOfAnySize(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var got, removed Sum
	want := new(big.Rat)
	for range 20_000 {
		text := strconv.FormatUint(random.Uint64N(1e18), 10)
		text = text[:1+random.IntN(len(text))]
		if n := random.IntN(Scale + 1); n > 0 {
			text += "." + fmt.Sprintf("%05d", random.IntN(1e5))[:n]
		}
		if random.IntN(3) == 0 {
			text = "-" + text
		}
		n, ok := new(big.Rat).SetString(text)
		if !ok || !got.Add(text) || !removed.Add(text) {
			t.Fatalf("%s cannot be added", text)
		}
		want.Add(want, n)
		if sum, ok := new(big.Rat).SetString(got.String()); !ok || sum.Cmp(want) != 0 || got.Sign() != want.Sign() {
			t.Fatalf("with %s the sum is %s, want %s", text, &got, want.FloatString(Scale))
		}
	}
	if got = got.Minus(removed); got.Sign() != 0 {
		t.Errorf("the sum minus itself is %s", &got)
	}
}
