// Parses the value of a key column.

package reconcile

import (
	"fmt"
	"strconv"
	"time"

	"bursar/internal/column"
)

// parseValue parses a key value as it is printed and appends it to v.
func parseValue(v *column.Vector, text string) error {
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
		n, scale, ok := column.ParseDecimal(column.Rescale(text, v.Type.Scale))
		if !ok || scale > v.Type.Scale || v.AppendUnscaled(n) != nil {
			return invalid
		}
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
