// Values of a column for a batch of rows, and their text.

package parquet

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"
	"unicode/utf8"

	format "github.com/apache/arrow-go/v18/parquet"

	"bursar/internal/column"
	"bursar/internal/decimal"
)

// Values are the values of a column in a batch of rows. By the column's type they are whole numbers or bytes:
// bools are 0 or 1; dates are days since 1970; times are units since 1970, or bytes in the older form of 96 bits; floats are their bits; decimals are
// whole numbers of their scale, or bytes: big-endian two's complement.
type Values struct {
	column *Column
	at     []int // per row: the index of its value, or -1 for null
	ints   []int64
	bytes  [][]byte
}

// Index returns the index of the value of row i of the batch, or -1 for null.
func (v *Values) Index(i int) int { return v.at[i] }

// Int returns value k of a column of kind Bool or Date.
func (v *Values) Int(k int) int64 { return v.ints[k] }

// Text returns value k of a column of kind Text or JSON.
func (v *Values) Text(k int) []byte { return v.bytes[k] }

// Unscaled returns value k of a column of kind Integer or Decimal, multiplied by its scale's power of ten, if it is a signed number of 64
// bits in the file.
func (v *Values) Unscaled(k int) (n int64, ok bool) {
	if v.bytes != nil || v.column.Unsigned {
		return 0, false
	}
	return v.ints[k], true
}

const secondsPerDay = 86400

// Instant returns value k of a column of kind Time as seconds since 1970 and nanoseconds.
func (v *Values) Instant(k int) (seconds, nanos int64) {
	if v.column.second == 0 { // 96 bits: nanoseconds of the day, then the Julian day
		b := v.bytes[k]
		day := int64(binary.LittleEndian.Uint32(b[8:])) - 2440588
		n := binary.LittleEndian.Uint64(b)
		return day*secondsPerDay + int64(n/1e9), int64(n % 1e9)
	}
	seconds, rest := v.ints[k]/v.column.second, v.ints[k]%v.column.second
	if rest < 0 {
		seconds, rest = seconds-1, rest+v.column.second
	}
	return seconds, rest * (1e9 / v.column.second)
}

// AppendPlain writes value k of a number, date or time as text that parses to the same value.
func (v *Values) AppendPlain(dst []byte, k int) []byte {
	switch v.column.Kind {
	case Date:
		return time.Unix(0, 0).UTC().AddDate(0, 0, int(v.ints[k])).AppendFormat(dst, time.DateOnly)
	case Time:
		seconds, nanos := v.Instant(k)
		dst = time.Unix(seconds, nanos).UTC().AppendFormat(dst, "2006-01-02T15:04:05.999999999")
		if v.column.UTC {
			dst = append(dst, 'Z')
		}
		return dst
	}
	var n *big.Int
	switch {
	case v.column.Unsigned:
		n = new(big.Int).SetUint64(uint64(v.ints[k]))
	case len(v.ints) > 0:
		return decimal.Append(dst, decimal.Int128Of(v.ints[k]), v.column.Scale)
	default:
		n = twosComplement(v.bytes[k])
	}
	if n.BitLen() < 128 {
		return decimal.Append(dst, decimal.Int128OfBig(n), v.column.Scale)
	}
	return fmt.Appendf(dst, "%de-%d", n, v.column.Scale)
}

// twosComplement parses a big-endian signed integer of any length.
func twosComplement(b []byte) *big.Int {
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(len(b))*8))
	}
	return n
}

// AppendJSON writes value k as JSON. A value that is not a float or bytes parses to the same value.
func (v *Values) AppendJSON(dst []byte, k int) []byte {
	switch v.column.Kind {
	case Bool:
		return strconv.AppendBool(dst, v.ints[k] != 0)
	case Integer, Decimal:
		return v.AppendPlain(dst, k)
	case Date, Time:
		return append(v.AppendPlain(append(dst, '"'), k), '"')
	case Float:
		return column.AppendJSON(dst, v.float(k))
	}
	if len(v.bytes) == 0 {
		return strconv.AppendInt(dst, v.ints[k], 10)
	}
	if utf8.Valid(v.bytes[k]) {
		return column.AppendJSON(dst, v.bytes[k])
	}
	dst = append(dst, `{"base64":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, v.bytes[k])
	return append(dst, `"}`...)
}

// float prints a float, which is only ever done for the text of rejected rows.
func (v *Values) float(k int) string {
	bits, double := v.ints[k], v.column.leaf.PhysicalType() == format.Types.Double
	if double {
		return strconv.FormatFloat(math.Float64frombits(uint64(bits)), 'g', -1, 64) //nolint:forbidigo // see above
	}
	return strconv.FormatFloat(float64(math.Float32frombits(uint32(bits))), 'g', -1, 64) //nolint:forbidigo // see above
}
