// Columns compared with plain slices of printed values: appending and dropping values changes no other value.

package column

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

var plainTypes = []Type{
	{Kind: String},
	{Kind: JSON},
	{Kind: Bool},
	{Kind: Int},
	{Kind: BigInt},
	{Kind: Date},
	{Kind: Timestamp},
	{Kind: Decimal, Precision: 18, Scale: 2},
	{Kind: Decimal, Precision: 38, Scale: 6},
}

var listType = Type{Kind: List, Fields: []Field{{Name: "a", Type: Type{Kind: String}}, {Name: "b", Type: Type{Kind: Decimal, Precision: 30, Scale: 3}}}}

// randomColumn has nulls only if wanted; texts have all lengths, including 0.
func randomColumn(r *rand.Rand, t Type, rows int, nulls bool) Vector {
	v := NewVector(t, 0)
	for range rows {
		switch {
		case nulls && r.IntN(3) == 0:
			v.AppendNull()
		case t.IsText():
			v.AppendText([]byte(strings.Repeat(string(rune('a'+r.IntN(26))), r.IntN(20))))
		case t.Kind == List:
			for range r.IntN(4) {
				for f := range v.Fields {
					element := randomColumn(r, t.Fields[f].Type, 1, nulls)
					v.Fields[f].AppendFrom(&element, 0)
				}
			}
			v.AppendList()
		case t.IsWide():
			v.AppendWide(randomWide(r))
		case t.Kind == Bool:
			v.AppendInt(int64(r.IntN(2)))
		default:
			v.AppendInt(r.Int64N(1<<20) - 1<<19)
		}
	}
	return v
}

func printed(v *Vector) []string {
	list := make([]string, v.Len())
	for i := range list {
		list[i] = string(v.AppendJSON(nil, i))
	}
	return list
}

func TestAppendAllAndFrom(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 3))
	for _, kind := range append(slices.Clone(plainTypes), listType) {
		for _, nulls := range []struct{ first, second bool }{{}, {first: true}, {second: true}, {true, true}} {
			seed := r.Uint64()
			t.Run(fmt.Sprintf("%s %v", kind, nulls), func(t *testing.T) {
				t.Parallel()
				r := rand.New(rand.NewPCG(seed, 3))
				a, b := randomColumn(r, kind, 17, nulls.first), randomColumn(r, kind, 23, nulls.second)
				want := append(printed(&a), printed(&b)...)
				all, each := NewVector(kind, 0), NewVector(kind, 0)
				for _, from := range []*Vector{&a, &b} {
					all.AppendAll(from)
					for i := range from.Len() {
						each.AppendFrom(from, i)
					}
				}
				if got := printed(&all); !slices.Equal(got, want) {
					t.Errorf("AppendAll: got %q, want %q", got, want)
				}
				if got := printed(&each); !slices.Equal(got, want) {
					t.Errorf("AppendFrom: got %q, want %q", got, want)
				}
				all.Reset()
				if all.AppendAll(&b); !slices.Equal(printed(&all), printed(&b)) {
					t.Errorf("after Reset: got %q, want %q", printed(&all), printed(&b))
				}
			})
		}
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	// Each column ascends: every value compares with every other as their positions do.
	ascending := []Vector{
		valuesOf(t, Type{Kind: String}, nil, "", "\x00", "A", "Z", "a", "a\x00", "aa", "b", "č", "日"),
		valuesOf(t, Type{Kind: BigInt}, nil, -1<<63, -10, -9, 0, 9, 10, 1<<63-1),
		valuesOf(t, Type{Kind: Decimal, Precision: 9, Scale: 2}, nil, -100, -1, 0, 1, 99),
		valuesOf(t, Type{Kind: Decimal, Precision: 38, Scale: 2}, nil, "-18446744073709551617", "-18446744073709551616", "-1", "0", "1",
			"9223372036854775808", "18446744073709551615", "18446744073709551616"),
		valuesOf(t, Type{Kind: Timestamp}, nil, -1, 0, 1),
		valuesOf(t, Type{Kind: Bool}, nil, 0, 1),
	}
	for _, v := range ascending {
		for i := range v.Len() {
			for j := range v.Len() {
				want := 0
				if i != j {
					want = map[bool]int{true: -1, false: 1}[i < j]
				}
				if got := Compare(&v, i, &v, j); got != want {
					t.Errorf("%s: %s against %s is %d, want %d", v.Type, v.AppendJSON(nil, i), v.AppendJSON(nil, j), got, want)
				}
			}
		}
	}
}

func valuesOf(t *testing.T, kind Type, values ...any) Vector {
	t.Helper()
	v := NewVector(kind, len(values))
	for _, value := range values {
		v.AppendFrom(one(t, kind, value), 0)
	}
	return v
}

func TestParseType(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"string", "bool", "int", "bigint", "date", "timestamp", "json", "decimal(1,0)", "decimal(18,2)", "decimal(38,38)"} {
		if kind, err := ParseType(text); err != nil || kind.String() != text {
			t.Errorf("%s: read as %s, %v", text, kind, err)
		}
	}
	for _, text := range []string{"", "String", "decimal", "decimal(0,0)", "decimal(39,2)", "decimal(2,3)", "decimal(18,-1)", "decimal(18)", "list", "double"} {
		if kind, err := ParseType(text); err == nil {
			t.Errorf("%q was read as %s", text, kind)
		}
	}
}
