// Parsing of keys as they are printed.

package query

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"bursar/internal/column"
	"bursar/internal/decimal"
	"bursar/internal/fold"
)

// keyForms says how key values are written that have several notations elsewhere.
var keyForms = map[column.Kind]string{
	column.Bool:      ": write true or false",
	column.Date:      ": write it as 2025-03-31",
	column.Timestamp: ": write it as 2025-03-31T14:30:00Z",
}

// parseKey parses a key as it is printed. The text of a single key column may be given without quotes.
func parseKey(plan *fold.Plan, text string) ([]column.Vector, error) {
	values := []string{text}
	if len(plan.Key) > 1 || json.Valid([]byte(text)) && bytes.HasPrefix([]byte(text), []byte(`"`)) {
		var parsed any
		decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
		decoder.UseNumber()
		if err := decoder.Decode(&parsed); err != nil {
			return nil, keyError(plan, text)
		}
		list, ok := parsed.([]any)
		if !ok {
			list = []any{parsed}
		}
		values = values[:0]
		for _, v := range list {
			values = append(values, fmt.Sprint(v))
		}
	}
	if len(values) != len(plan.Key) {
		return nil, keyError(plan, text)
	}
	key := column.NewVectors(column.Types(plan.Key), 1)
	for i, v := range values {
		if err := ParseValue(&key[i], v); err != nil {
			return nil, fmt.Errorf("key column %s: %w", plan.Key[i].Name, err)
		}
	}
	return key, nil
}

func keyError(plan *fold.Plan, text string) error {
	return fmt.Errorf("key %q is not a JSON array of the %d values %s", text, len(plan.Key), fold.Names(plan.Key))
}

// ParseValue parses a value as it is printed and appends it to v, which is not a list.
func ParseValue(v *column.Vector, text string) error {
	invalid := fmt.Errorf("%q is not a valid %s%s", text, v.Type, keyForms[v.Type.Kind])
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
		n, scale, ok := decimal.Parse(decimal.Rescale(text, v.Type.Scale))
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
