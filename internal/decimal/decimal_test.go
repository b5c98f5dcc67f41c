// Decimals: every digit in every position, against math/big.

package decimal

import (
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// wide reads an unscaled value from its digits.
func wide(t *testing.T, digits string) Int128 {
	t.Helper()
	n, ok := new(big.Int).SetString(digits, 10)
	if !ok {
		t.Fatalf("%q is not a valid number", digits)
	}
	return Int128OfBig(n)
}

// randomWide has any number of digits up to 38, and often zeros at its end.
func randomWide(r *rand.Rand) Int128 {
	n := new(big.Int)
	for range r.IntN(39) {
		digit := int64(r.IntN(10))
		if r.IntN(2) == 0 {
			digit = 0
		}
		n.Mul(n, big.NewInt(10)).Add(n, big.NewInt(digit))
	}
	if r.IntN(2) == 0 {
		n.Neg(n)
	}
	return Int128OfBig(n)
}

func TestAppend(t *testing.T) {
	t.Parallel()
	nines := strings.Repeat("9", 38)
	for _, c := range []struct {
		unscaled string
		scale    int
		want     string
	}{
		{"0", 0, "0"},
		{"0", 1, "0.0"},
		{"0", 4, "0.0000"},
		{"7", 0, "7"},
		{"-7", 0, "-7"},
		{"5", 2, "0.05"},
		{"-5", 2, "-0.05"},
		{"50", 2, "0.50"},
		{"-99", 2, "-0.99"},
		{"100", 2, "1.00"},
		{"-123456", 2, "-1234.56"},
		{"10", 1, "1.0"},
		{"1", 18, "0.000000000000000001"},
		{"9223372036854775807", 2, "92233720368547758.07"},
		{"-9223372036854775808", 2, "-92233720368547758.08"},
		{"18446744073709551615", 0, "18446744073709551615"},
		{"18446744073709551616", 0, "18446744073709551616"},
		{"-18446744073709551616", 20, "-0.18446744073709551616"},
		{nines, 0, nines},
		{"-" + nines, 38, "-0." + nines},
		{nines, 37, "9." + nines[1:]},
		{"-1", 38, "-0." + strings.Repeat("0", 37) + "1"},
	} {
		if got := string(Append([]byte(">"), wide(t, c.unscaled), c.scale)); got != ">"+c.want {
			t.Errorf("%s with scale %d: got %s, want >%s", c.unscaled, c.scale, got, c.want)
		}
	}
}

// TestAppendAtRandom compares the text with that of math/big.
func TestAppendAtRandom(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	for range 20000 {
		n, scale := randomWide(r), r.IntN(39)
		ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
		want := new(big.Rat).SetFrac(n.BigInt(), ten).FloatString(scale)
		if got := string(Append(nil, n, scale)); got != want {
			t.Fatalf("%v with scale %d: got %s, want %s", n.BigInt(), scale, got, want)
		}
	}
}

func TestFits38(t *testing.T) {
	t.Parallel()
	nines, more := strings.Repeat("9", 38), "1"+strings.Repeat("0", 38)
	for digits, want := range map[string]bool{"0": true, nines: true, "-" + nines: true, more: false, "-" + more: false} {
		if got := Fits38(wide(t, digits)); got != want {
			t.Errorf("%s fits: %v", digits, got)
		}
	}
}

// TestAddAtRandom adds and parses decimals of different scales; a sum of more than 38 digits is refused.
func TestAddAtRandom(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(2, 2))
	for range 20000 {
		x, y, scaleX, scaleY := randomWide(r), randomWide(r), r.IntN(19), r.IntN(19)
		a, b, scale := string(Append(nil, x, scaleX)), string(Append(nil, y, scaleY)), max(scaleX, scaleY)
		sum := new(big.Rat).Add(ratOf(t, a), ratOf(t, b))
		unscaled := new(big.Rat).Mul(sum, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil))).Num()
		got, err := Add(a, b)
		if _, wide := Narrow(unscaled); (err != nil) != (wide != nil) {
			t.Fatalf("%s + %s: %v", a, b, err)
		}
		if want := sum.FloatString(scale); err == nil && got != want {
			t.Fatalf("%s + %s: got %s, want %s", a, b, got, want)
		}
		if n, s, ok := Parse(a); !ok || s != scaleX || n.Cmp(x.BigInt()) != 0 {
			t.Fatalf("%s reads as %v with scale %d", a, n, s)
		}
	}
}

func ratOf(t *testing.T, text string) *big.Rat {
	t.Helper()
	n, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Fatalf("%q is not a valid number", text)
	}
	return n
}

// TestRefusedTexts: what Append does not write is not a
func TestRefusedTexts(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "-", ".", "1e3", "1.2.3", "1.-2", " 1", "0x1", "1_000"} {
		if n, _, ok := Parse(text); ok {
			t.Errorf("%q reads as %v", text, n)
		}
		if sum, err := Add("1", text); err == nil {
			t.Errorf("1 + %q is %s", text, sum)
		}
	}
	if sum, err := Add("", "1.50"); err != nil || sum != "1.50" {
		t.Errorf("nothing and 1.50 are %s, %v", sum, err)
	}
}
