// Parses the value of a key column.

package reconcile

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"bursar/internal/column"
)

// ParseValue parses a value as it is printed and appends it to v, which is not a list.
func ParseValue(v *column.Vector, text string) error {
	invalid := fmt.Errorf("%q is not a valid %s", text, v.Type)
	switch v.Type.Kind {
	case column.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return invalid
		}
		if v.AppendInt(0); b {
			v.Ints[v.Len()-1] = 1
		}
	case column.Int, column.BigInt:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return invalid
		}
		v.AppendInt(n)
	case column.Decimal:
		return parseDecimal(v, text, invalid)
	case column.Date:
		t, err := time.Parse("2006-01-02", text)
		if err != nil {
			return invalid
		}
		v.AppendInt(t.Unix() / 86400)
	case column.Timestamp:
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return invalid
		}
		v.AppendInt(t.UnixMicro())
	default:
		v.AppendText([]byte(text))
	}
	return nil
}

func parseDecimal(v *column.Vector, text string, invalid error) error {
	whole, fraction, _ := strings.Cut(text, ".")
	if len(fraction) > v.Type.Scale {
		return invalid
	}
	unscaled, ok := new(big.Int).SetString(whole+fraction+strings.Repeat("0", v.Type.Scale-len(fraction)), 10)
	if !ok {
		return invalid
	}
	n, err := column.Narrow(unscaled)
	if err != nil {
		return invalid
	}
	if v.Type.IsWide() {
		v.AppendWide(n)
		return nil
	}
	if !unscaled.IsInt64() {
		return invalid
	}
	v.AppendInt(unscaled.Int64())
	return nil
}
