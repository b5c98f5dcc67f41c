// Printed values of every type.

package column

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"bursar/internal/decimal"
)

// wide reads an unscaled value from its digits.
func wide(t *testing.T, digits string) decimal.Int128 {
	t.Helper()
	n, ok := new(big.Int).SetString(digits, 10)
	if !ok {
		t.Fatalf("%q is not a valid number", digits)
	}
	return decimal.Int128OfBig(n)
}

// randomWide has any number of digits up to 38, and often zeros at its end.
func randomWide(r *rand.Rand) decimal.Int128 {
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
	return decimal.Int128OfBig(n)
}

func day(y int, m time.Month, d int) int64 {
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400
}

func moment(y, nanos int) int64 {
	return time.Date(y, 2, 28, 23, 59, 59, nanos, time.UTC).UnixMicro()
}

// one is a column of a single value: an int64, a text, or the digits of a wide decimal; nil is null.
func one(t *testing.T, kind Type, value any) *Vector {
	t.Helper()
	v := NewVector(kind, 1)
	switch x := value.(type) {
	case nil:
		v.AppendNull()
	case int:
		v.AppendInt(int64(x))
	case int64:
		v.AppendInt(x)
	case string:
		if kind.IsWide() {
			v.AppendWide(wide(t, x))
			break
		}
		v.AppendText([]byte(x))
	}
	return &v
}

func TestAppendPlainAndJSON(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind        Type
		value       any
		plain, json string
	}{
		{Type{Kind: Decimal, Precision: 18, Scale: 2}, -5, "-0.05", `"-0.05"`},
		{Type{Kind: Decimal, Precision: 18, Scale: 0}, 12, "12", `"12"`},
		{Type{Kind: Decimal, Precision: 38, Scale: 2}, "-12345678901234567890", "-123456789012345678.90", `"-123456789012345678.90"`},
		{Type{Kind: Decimal, Precision: 38, Scale: 2}, nil, "", "null"},
		{Type{Kind: Int}, -3, "-3", "-3"},
		{Type{Kind: BigInt}, int64(math.MinInt64), "-9223372036854775808", "-9223372036854775808"},
		{Type{Kind: BigInt}, nil, "", "null"},
		{Type{Kind: Bool}, 1, "true", "true"},
		{Type{Kind: Bool}, 0, "false", "false"},
		{Type{Kind: Date}, day(2024, 2, 29), "2024-02-29", `"2024-02-29"`},
		{Type{Kind: Date}, day(1582, 10, 15), "1582-10-15", `"1582-10-15"`},
		{Type{Kind: Date}, -1, "1969-12-31", `"1969-12-31"`},
		{Type{Kind: Timestamp}, moment(2024, 0), "2024-02-28T23:59:59Z", `"2024-02-28T23:59:59Z"`},
		{Type{Kind: Timestamp}, moment(1969, 500_000_000), "1969-02-28T23:59:59.5Z", `"1969-02-28T23:59:59.5Z"`},
		{Type{Kind: Timestamp}, moment(1960, 1000), "1960-02-28T23:59:59.000001Z", `"1960-02-28T23:59:59.000001Z"`},
		{Type{Kind: String}, "", "", `""`},
		{Type{Kind: String}, nil, "", "null"},
		{Type{Kind: String}, "a\"b\\c\n\t\r\x00\x1f<&>č", "a\"b\\c\n\t\r\x00\x1f<&>č", `"a\"b\\c\n\t\r\u0000\u001f<&>č"`},
		{Type{Kind: JSON}, `{"a": [1.50]}`, `{"a": [1.50]}`, `{"a": [1.50]}`},
	} {
		v := one(t, c.kind, c.value)
		if got := string(v.AppendPlain([]byte(">"), 0)); got != ">"+c.plain {
			t.Errorf("%s %v: plain %q, want %q", c.kind, c.value, got[1:], c.plain)
		}
		got := v.AppendJSON([]byte(">"), 0)[1:]
		if string(got) != c.json || !json.Valid(got) {
			t.Errorf("%s %v: JSON %s, want %s", c.kind, c.value, got, c.json)
		}
	}
}

// TestQuoteJSON reads every quoted text back with encoding/json.
func TestQuoteJSON(t *testing.T) {
	t.Parallel()
	for c := range rune(0x300) {
		text := fmt.Sprintf("x%cy", c)
		var back string
		if err := json.Unmarshal(QuoteJSON(text), &back); err != nil || back != text {
			t.Errorf("%U: quoted as %s, read back as %q, %v", c, QuoteJSON(text), back, err)
		}
	}
}

func TestListsInJSON(t *testing.T) {
	t.Parallel()
	v := NewVector(Type{Kind: List, Fields: []Field{
		{Name: "order", Type: Type{Kind: Int}}, {Name: "amount", Type: Type{Kind: Decimal, Precision: 9, Scale: 2}}, {Name: "no\"te", Type: Type{Kind: String}},
	}}, 3)
	v.AppendList()
	for i := range 2 {
		v.Fields[0].AppendInt(int64(i))
		v.Fields[1].AppendInt(int64(-i))
		v.Fields[2].AppendNull()
	}
	v.AppendList()
	v.AppendNull()
	want := []string{"[]", `[{"no\"te":null,"amount":"0.00"},{"no\"te":null,"amount":"-0.01"}]`, "[]"}
	for i := range want {
		if got := string(v.AppendItemsJSON(nil, i, []int{2, 1})); got != want[i] {
			t.Errorf("list %d: got %s, want %s", i, got, want[i])
		}
	}
	if got := string(v.AppendJSON(nil, 2)); got != "null" {
		t.Errorf("a null list as a value: %s", got)
	}
	if got := string(v.AppendPlain(nil, 1)); got != `[{"order":0,"amount":"0.00","no\"te":null},{"order":1,"amount":"-0.01","no\"te":null}]` {
		t.Errorf("whole list: %s", got)
	}
}
