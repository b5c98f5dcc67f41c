package reconcile

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"bursar/internal/column"
)

// parseValue reads a key value as it is printed.
func parseValue(v *column.Vector, text string) error {
	misfit := fmt.Errorf("%q is no %s", text, v.Type)
	switch v.Type.Kind {
	case column.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return misfit
		}
		if v.AppendInt(0); b {
			v.Ints[v.Len()-1] = 1
		}
	case column.Int, column.BigInt:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return misfit
		}
		v.AppendInt(n)
	case column.Decimal:
		return parseDecimal(v, text, misfit)
	case column.Date:
		t, err := time.Parse("2006-01-02", text)
		if err != nil {
			return misfit
		}
		v.AppendInt(t.Unix() / 86400)
	case column.Timestamp:
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return misfit
		}
		v.AppendInt(t.UnixMicro())
	default:
		v.AppendText([]byte(text))
	}
	return nil
}

func parseDecimal(v *column.Vector, text string, misfit error) error {
	whole, fraction, _ := strings.Cut(text, ".")
	if len(fraction) > v.Type.Scale {
		return misfit
	}
	unscaled, ok := new(big.Int).SetString(whole+fraction+strings.Repeat("0", v.Type.Scale-len(fraction)), 10)
	if !ok {
		return misfit
	}
	n, err := column.Narrow(unscaled)
	if err != nil {
		return misfit
	}
	if v.Type.IsWide() {
		v.AppendWide(n)
		return nil
	}
	if !unscaled.IsInt64() {
		return misfit
	}
	v.AppendInt(unscaled.Int64())
	return nil
}
