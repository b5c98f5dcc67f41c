// Digests of rows: equal for equal values after any allowed schema change, different for different values.

package column

import (
	"bytes"
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"bursar/internal/decimal"
)

func canonical(v *Vector) []byte { return v.AppendCanonical(nil, NameSeed("amount"), 0) }

// TestDigestSurvivesGrowth widens one value through every type that a schema may change to.
func TestDigestSurvivesGrowth(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(4, 4))
	values := []int64{0, 1, -1, 10, -10, 100, 2147483647, -2147483648, 2147483640}
	for range 500 {
		values = append(values, int64(int32(r.Uint32())))
	}
	for _, x := range values {
		narrow := NewVector(Type{Kind: Int}, 1)
		narrow.AppendInt(x)
		want := canonical(&narrow)
		for _, kind := range []Type{
			{Kind: BigInt},
			{Kind: Decimal, Precision: 10},
			{Kind: Decimal, Precision: 18, Scale: 2},
			{Kind: Decimal, Precision: 19},
			{Kind: Decimal, Precision: 30, Scale: 6},
			{Kind: Decimal, Precision: 38, Scale: 28},
		} {
			if got := canonical(scaled(kind, x)); !bytes.Equal(got, want) {
				t.Errorf("%d as %s: %x, as int: %x", x, kind, got, want)
			}
		}
	}
}

// scaled is a whole number as a value of a numeric type.
func scaled(kind Type, x int64) *Vector {
	n := new(big.Int).Mul(big.NewInt(x), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(kind.Scale)), nil))
	v := NewVector(kind, 1)
	if kind.IsWide() {
		v.AppendWide(decimal.Int128OfBig(n))
	} else {
		v.AppendInt(n.Int64())
	}
	return &v
}

// TestDigestSurvivesWiderScale widens decimals of any size.
func TestDigestSurvivesWiderScale(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 5))
	for range 5000 {
		n := randomWide(r)
		shift := r.IntN(12)
		grown := new(big.Int).Mul(n.BigInt(), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(shift)), nil))
		if _, err := decimal.Narrow(grown); err != nil {
			continue
		}
		a := NewVector(Type{Kind: Decimal, Precision: 38, Scale: 3}, 1)
		a.AppendWide(n)
		b := NewVector(Type{Kind: Decimal, Precision: 38, Scale: 3 + shift}, 1)
		b.AppendWide(decimal.Int128OfBig(grown))
		if !bytes.Equal(canonical(&a), canonical(&b)) {
			t.Fatalf("%v with scale 3: %x, with scale %d: %x", n.BigInt(), canonical(&a), 3+shift, canonical(&b))
		}
	}
}

// TestDigestDistinguishes digests values that must not be confused with one another.
func TestDigestDistinguishes(t *testing.T) {
	t.Parallel()
	two := Type{Kind: Decimal, Precision: 38, Scale: 2}
	rows := []*Vector{
		one(t, two, "1"), one(t, two, "10"), one(t, two, "-1"), one(t, two, "100"), one(t, two, "1000"), one(t, two, "0"),
		one(t, two, "18446744073709551617"), one(t, two, "-18446744073709551617"), one(t, two, "36893488147419103233"),
		one(t, two, "12345678901234567890123456789012345671"), one(t, two, "12345678901234567890123456789012345672"),
		one(t, Type{Kind: String}, ""), one(t, Type{Kind: String}, "1"), one(t, Type{Kind: String}, "1\x00"), one(t, two, nil),
	}
	seen := map[string]string{}
	for _, v := range rows {
		what := fmt.Sprintf("%s %s", v.Type, v.AppendJSON(nil, 0))
		if other, twice := seen[string(canonical(v))]; twice {
			t.Errorf("%s and %s have one digest", what, other)
		}
		seen[string(canonical(v))] = what
	}
}

// TestDigestOfNulls: a new column changes no digest while it is null, and the digest depends on the column of a value.
func TestDigestOfNulls(t *testing.T) {
	t.Parallel()
	for _, kind := range plainTypes {
		if got := one(t, kind, nil).AppendCanonical([]byte("row"), NameSeed("note"), 0); string(got) != "row" {
			t.Errorf("a null %s writes %x", kind, got)
		}
	}
	v := one(t, Type{Kind: String}, "x")
	if bytes.Equal(v.AppendCanonical(nil, NameSeed("a"), 0), v.AppendCanonical(nil, NameSeed("b"), 0)) {
		t.Error("a value digests alike in two columns")
	}
	a, b := one(t, Type{Kind: String}, "ab"), one(t, Type{Kind: String}, "c")
	c, d := one(t, Type{Kind: String}, "a"), one(t, Type{Kind: String}, "bc")
	if bytes.Equal(b.AppendCanonical(a.AppendCanonical(nil, 1, 0), 2, 0), d.AppendCanonical(c.AppendCanonical(nil, 1, 0), 2, 0)) {
		t.Error("texts run into one another")
	}
}

// TestDigestAddsInAnyOrder also carries from the low half to the high half.
func TestDigestAddsInAnyOrder(t *testing.T) {
	t.Parallel()
	var carried Digest
	carried.Add(Digest{Lo: 1<<64 - 1})
	carried.Add(Digest{Lo: 1})
	if carried != (Digest{Hi: 1}) {
		t.Errorf("2^64-1 + 1 = %+v", carried)
	}
	var there, back Digest
	for i := range 1000 {
		there.Add(Sum128([]byte{byte(i), byte(i >> 8)}))
		back.Add(Sum128([]byte{byte(999 - i), byte((999 - i) >> 8)}))
	}
	if there != back || len(there.String()) != 32 {
		t.Errorf("%s one way, %s the other", there, back)
	}
	if got := (Digest{Hi: 0xab, Lo: 1}).String(); got != "00000000000000ab0000000000000001" {
		t.Errorf("printed %s", got)
	}
}
