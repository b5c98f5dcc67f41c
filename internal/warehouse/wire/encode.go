// Values in the formats of PostgreSQL, text and binary.

package wire

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"

	"bursar/internal/column"
	"bursar/internal/decimal"
)

// encoder writes the values of a column in one format.
type encoder struct {
	pgType
	binary bool
}

func newEncoders(types []pgType, formats []int16) []encoder {
	encoders := make([]encoder, len(types))
	for i, t := range types {
		encoders[i] = encoder{t, formatOf(formats, i) == pgproto3.BinaryFormat}
	}
	return encoders
}

// formatOf returns the format of a column or parameter: one for all, or one for each; text if there is none.
func formatOf(formats []int16, i int) int16 {
	switch {
	case len(formats) == 1:
		return formats[0]
	case i < len(formats):
		return formats[i]
	}
	return pgproto3.TextFormat
}

// append writes a value that is not null.
func (e encoder) append(dst []byte, v *column.Vector, row int) ([]byte, error) {
	switch v.Type.Kind {
	case column.Bool:
		return e.appendBool(dst, v.Ints[row] != 0), nil
	case column.Int, column.BigInt:
		return e.appendInt(dst, v.Ints[row]), nil
	case column.Decimal:
		return e.appendDecimal(dst, v.Unscaled(row), v.Type.Scale)
	case column.Date:
		return e.appendDate(dst, v.Ints[row]), nil
	case column.Timestamp:
		return e.appendTimestamp(dst, v.Ints[row]), nil
	}
	return e.appendText(dst, v.Text(row))
}

func (e encoder) appendBool(dst []byte, value bool) []byte {
	switch {
	case e.binary && value:
		return append(dst, 1)
	case e.binary:
		return append(dst, 0)
	case value:
		return append(dst, 't')
	}
	return append(dst, 'f')
}

func (e encoder) appendInt(dst []byte, n int64) []byte {
	switch {
	case !e.binary:
		return strconv.AppendInt(dst, n, 10)
	case e.size == 2:
		return binary.BigEndian.AppendUint16(dst, uint16(n))
	case e.size == 4:
		return binary.BigEndian.AppendUint32(dst, uint32(n))
	}
	return binary.BigEndian.AppendUint64(dst, uint64(n))
}

func (e encoder) appendDecimal(dst []byte, unscaled decimal.Int128, scale int) ([]byte, error) {
	if !e.binary {
		return decimal.Append(dst, unscaled, scale), nil
	}
	return appendNumeric(dst, string(decimal.Append(nil, unscaled, scale)))
}

// appendNumeric writes a decimal number in PostgreSQL's binary format: groups of four digits around the decimal mark.
func appendNumeric(dst []byte, text string) ([]byte, error) {
	digits, isNegative := strings.CutPrefix(text, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	n, ok := new(big.Int).SetString(whole+fraction, 10)
	if !ok {
		return nil, fmt.Errorf("%q is not a number", text)
	}
	scale := len(fraction)
	padded := strings.Repeat("0", (4-len(whole)%4)%4) + whole + fraction + strings.Repeat("0", (4-scale%4)%4)
	weight := (len(whole)+3)/4 - 1
	var groups []uint16
	for at := 0; at < len(padded); at += 4 {
		group, err := strconv.ParseUint(padded[at:at+4], 10, 16)
		if err != nil {
			return nil, err
		}
		groups = append(groups, uint16(group))
	}
	for len(groups) > 0 && groups[0] == 0 {
		groups, weight = groups[1:], weight-1
	}
	for len(groups) > 0 && groups[len(groups)-1] == 0 {
		groups = groups[:len(groups)-1]
	}
	sign := uint16(0)
	if isNegative {
		sign = 0x4000
	}
	if n.Sign() == 0 {
		weight, sign = 0, 0
	}
	for _, x := range []uint16{uint16(len(groups)), uint16(int16(weight)), sign, uint16(scale)} {
		dst = binary.BigEndian.AppendUint16(dst, x)
	}
	for _, group := range groups {
		dst = binary.BigEndian.AppendUint16(dst, group)
	}
	return dst, nil
}

// PostgreSQL counts from the year 2000.
const (
	epochDays   = 10_957
	epochMicros = epochDays * 86_400 * 1_000_000
)

func (e encoder) appendDate(dst []byte, days int64) []byte {
	if e.binary {
		return binary.BigEndian.AppendUint32(dst, uint32(int32(days-epochDays)))
	}
	return appendTime(dst, time.Unix(days*86_400, 0).UTC(), "-01-02", "")
}

func (e encoder) appendTimestamp(dst []byte, micros int64) []byte {
	if e.binary {
		return binary.BigEndian.AppendUint64(dst, uint64(micros-epochMicros))
	}
	zone := ""
	if e.oid == pgtype.TimestamptzOID {
		zone = "+00"
	}
	return appendTime(dst, time.UnixMicro(micros).UTC(), "-01-02 15:04:05.999999", zone)
}

// appendTime writes a time with its year as PostgreSQL does: with four digits at least, and BC behind it for the years before 1.
func appendTime(dst []byte, t time.Time, layout, zone string) []byte {
	year, era := t.Year(), ""
	if year < 1 {
		year, era = 1-year, " BC"
	}
	dst = fmt.Appendf(dst, "%04d", year)
	dst = t.AppendFormat(dst, layout)
	dst = append(dst, zone...)
	return append(dst, era...)
}

// appendText writes a value that the database has cast to text.
func (e encoder) appendText(dst, text []byte) ([]byte, error) {
	switch e.oid {
	case pgtype.Float8OID, pgtype.Float4OID:
		return e.appendFloat(dst, string(text))
	case pgtype.NumericOID:
		if e.binary {
			return appendNumeric(dst, string(text))
		}
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.OIDOID: // without a sign
		n, err := strconv.ParseInt(string(text), 10, 64)
		return e.appendInt(dst, n), err
	case pgtype.UUIDOID, pgtype.ByteaOID:
		if e.binary {
			return hex.AppendDecode(dst, []byte(strings.ReplaceAll(strings.TrimPrefix(string(text), `\x`), "-", "")))
		}
	case pgtype.TimeOID:
		if e.binary {
			return appendTimeOfDay(dst, string(text))
		}
	default:
		if e.binary && elements[e.oid] != 0 {
			return appendArray(dst, e.oid, text)
		}
	}
	return append(dst, text...), nil
}

func (e encoder) appendFloat(dst []byte, text string) ([]byte, error) {
	bits := int(e.size) * 8
	x, err := strconv.ParseFloat(text, bits)
	switch {
	case err != nil:
		return nil, err
	case e.binary && bits == 32:
		return binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(x))), nil
	case e.binary:
		return binary.BigEndian.AppendUint64(dst, math.Float64bits(x)), nil
	case math.IsInf(x, 1):
		return append(dst, "Infinity"...), nil
	case math.IsInf(x, -1):
		return append(dst, "-Infinity"...), nil
	}
	return strconv.AppendFloat(dst, x, 'g', -1, bits), nil
}

func appendTimeOfDay(dst []byte, text string) ([]byte, error) {
	t, err := time.Parse("15:04:05.999999", text)
	if err != nil {
		return nil, err
	}
	midnight := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	return binary.BigEndian.AppendUint64(dst, uint64(t.Sub(midnight).Microseconds())), nil
}

// appendArray writes an array, given as a text, in the binary format.
func appendArray(dst []byte, oid uint32, text []byte) ([]byte, error) {
	types := pgtype.NewMap()
	t, ok := types.TypeForOID(oid)
	if !ok {
		return nil, fmt.Errorf("type %d is not known", oid)
	}
	value, err := t.Codec.DecodeValue(types, oid, pgproto3.TextFormat, text)
	if err != nil {
		return nil, err
	}
	return types.Encode(oid, pgproto3.BinaryFormat, value, dst)
}
