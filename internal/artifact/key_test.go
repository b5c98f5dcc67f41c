// Encoded keys: they sort as their values do, and none is a prefix of another.

package artifact

import (
	"bytes"
	"cmp"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"bursar/internal/column"
	"bursar/internal/decimal"
)

var (
	textType   = column.Type{Kind: column.String}
	bigType    = column.Type{Kind: column.BigInt}
	narrowType = column.Type{Kind: column.Decimal, Precision: 18, Scale: 2}
	wideType   = column.Type{Kind: column.Decimal, Precision: 38, Scale: 2}
)

// value is one value of a key in a test.
type value struct {
	text   string
	number *big.Int // nil for a text
}

func (v value) compare(o value) int {
	if v.number != nil {
		return v.number.Cmp(o.number)
	}
	return cmp.Compare(v.text, o.text)
}

// randomValue is often equal to another value, near it, or a prefix of it, and has zero bytes in critical places.
func randomValue(r *rand.Rand, t column.Type) value {
	if t.IsText() {
		alphabet := []string{"", "\x00", "\x00\x00", "\x01", "a", "b", "\xff", "č", "\x00\xff", "\x00\x01"}
		text := ""
		for range r.IntN(5) {
			text += alphabet[r.IntN(len(alphabet))]
		}
		return value{text: text}
	}
	n := big.NewInt([]int64{0, 1, -1, math.MaxInt64, math.MinInt64, r.Int64(), -r.Int64(), r.Int64N(600) - 300}[r.IntN(8)])
	if t.IsWide() && r.IntN(2) == 0 {
		n.Mul(n, big.NewInt(r.Int64()))
	}
	return value{number: n}
}

func keyOf(types []column.Type, values []value) []byte {
	row := column.NewVectors(types, 1)
	for i, v := range values {
		switch {
		case types[i].IsText():
			row[i].AppendText([]byte(v.text))
		case types[i].IsWide():
			row[i].AppendWide(decimal.Int128OfBig(v.number))
		default:
			row[i].AppendInt(v.number.Int64())
		}
	}
	return AppendKey(nil, row, 0)
}

func TestKeysOrderAsTheirValues(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	for _, types := range [][]column.Type{
		{textType},
		{bigType},
		{narrowType},
		{wideType},
		{{Kind: column.Date}},
		{{Kind: column.Timestamp}},
		{textType, textType},
		{textType, wideType},
		{bigType, textType, textType},
		{wideType, bigType, textType},
	} {
		keys := make([][]value, 300)
		encoded := make([][]byte, len(keys))
		for i := range keys {
			for _, kind := range types {
				keys[i] = append(keys[i], randomValue(r, kind))
			}
			encoded[i] = keyOf(types, keys[i])
		}
		for i := range keys {
			for j := range keys {
				want := slices.CompareFunc(keys[i], keys[j], value.compare)
				if got := bytes.Compare(encoded[i], encoded[j]); got != want {
					t.Fatalf("%v: %+v against %+v is %d as bytes, %d as values", types, keys[i], keys[j], got, want)
				}
				if want != 0 && bytes.HasPrefix(encoded[i], encoded[j]) {
					t.Fatalf("%v: the key of %+v starts with that of %+v", types, keys[i], keys[j])
				}
			}
		}
	}
}

func TestIsKey(t *testing.T) {
	t.Parallel()
	types := []column.Type{textType, bigType, bigType}
	row := column.NewVectors(types, 1)
	row[0].AppendText([]byte("order-1"))
	row[1].AppendInt(5)
	row[2].AppendInt(6) // of the record, behind the key
	key := AppendKey(nil, row[:2], 0)
	if !IsKey(key, row, 0) {
		t.Error("a record does not start with its own key")
	}
	for _, other := range [][]byte{
		keyOf(types[:2], []value{{text: "order-1"}, {number: big.NewInt(6)}}),
		keyOf(types[:2], []value{{text: "order-2"}, {number: big.NewInt(5)}}),
		key[:len(key)-1], append(slices.Clone(key), 0),
	} {
		if IsKey(other, row, 0) {
			t.Errorf("a record of key %x passes for %x", key, other)
		}
	}
}
