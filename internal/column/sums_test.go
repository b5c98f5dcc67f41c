// Control totals compared with math/big: exact for any terms, and an error beyond 38 digits (rule 2).

package column

import (
	"maps"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"bursar/internal/decimal"
)

func texts(t *testing.T, s *Sums) map[string]string {
	t.Helper()
	got, err := s.Text()
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestSumsOfExtremes(t *testing.T) {
	t.Parallel()
	most, least := int64(math.MaxInt64), int64(math.MinInt64)
	safe := int64(1 << 59)
	for _, terms := range [][]int64{
		{most, most, most},
		{least, least},
		{most, least, most, least},
		{safe, safe, safe, safe, safe, safe, safe, safe, safe, safe, safe, safe, safe, safe, safe, safe, safe},
		{-safe, -safe, -safe, -safe, -safe, -safe, -safe, -safe, -safe},
		{safe + 1, -safe - 1, least, most, 1},
		{0},
		{},
	} {
		v, want := NewVector(Type{Kind: BigInt}, 0), new(big.Int)
		for _, x := range terms {
			v.AppendInt(x)
			want.Add(want, big.NewInt(x))
		}
		s := NewSums(0)
		s.Add(&v, nil, nil)
		got := texts(t, s)
		if len(terms) == 0 {
			if len(got) != 0 {
				t.Errorf("no rows make groups: %v", got)
			}
			continue
		}
		if got[""] != want.String() {
			t.Errorf("%v: got %s, want %s", terms, got[""], want)
		}
	}
}

// TestSumsByGroup adds rows of mixed groups, nulls and excluded rows in several calls, merges the sums and subtracts them again.
func TestSumsByGroup(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(6, 6))
	for _, kind := range []Type{{Kind: Decimal, Precision: 18, Scale: 2}, {Kind: Decimal, Precision: 38, Scale: 2}} {
		s, other, want := NewSums(2), NewSums(2), map[string]*big.Int{}
		for call := range 20 {
			by := NewVector(Type{Kind: String}, 0)
			measure := NewVector(kind, 0)
			for range r.IntN(40) {
				by.AppendText([]byte([]string{"EUR", "USD", "", "CZK"}[r.IntN(4)]))
				switch n := randomWide(r); {
				case r.IntN(5) == 0:
					measure.AppendNull()
				case kind.IsWide():
					n, _ = n.Div(wide(t, "1000")) // so that no sum gets too long
					measure.AppendWide(n)
				default:
					measure.AppendInt(r.Int64() - r.Int64())
				}
			}
			take := func(i int) bool { return i%3 != 0 }
			for i := range by.Len() {
				if group := string(by.Text(i)); take(i) {
					if want[group] == nil {
						want[group] = new(big.Int)
					}
					if !measure.IsNull(i) {
						want[group].Add(want[group], measure.Unscaled(i).BigInt())
					}
				}
			}
			[]*Sums{s, other}[call%2].Add(&measure, &by, take)
		}
		s.Merge(other)
		checkSums(t, s, want)
		s.Sub(other)
		s.Merge(other)
		checkSums(t, s, want)
	}
}

func checkSums(t *testing.T, s *Sums, want map[string]*big.Int) {
	t.Helper()
	printed := map[string]string{}
	for group, n := range want {
		printed[group] = string(decimal.Append(nil, wide(t, n.String()), s.Scale))
	}
	if got := texts(t, s); !maps.Equal(got, printed) {
		t.Errorf("got %v, want %v", got, printed)
	}
}

// TestSumsBeyond38Digits: the largest sum is exact to its last digit, one more is an error, and so for negative sums.
func TestSumsBeyond38Digits(t *testing.T) {
	t.Parallel()
	nines := strings.Repeat("9", 38)
	for _, sign := range []string{"", "-"} {
		kind := Type{Kind: Decimal, Precision: 38, Scale: 2}
		v := valuesOf(t, kind, sign+nines)
		s := NewSums(2)
		s.Add(&v, nil, nil)
		if got, want := texts(t, s)[""], sign+nines[:36]+"."+nines[36:]; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		cent := valuesOf(t, kind, sign+"1")
		s.Add(&cent, nil, nil)
		if got, err := s.Text(); err == nil || !strings.Contains(err.Error(), "38 digits") {
			t.Errorf("a sum of 39 digits printed as %v, %v", got, err)
		}
		back := valuesOf(t, kind, map[string]string{"": "-1", "-": "1"}[sign])
		s.Add(&back, nil, nil) // the sums are still exact
		if got, want := texts(t, s)[""], sign+nines[:36]+"."+nines[36:]; got != want {
			t.Errorf("back again: got %s, want %s", got, want)
		}
	}
}
