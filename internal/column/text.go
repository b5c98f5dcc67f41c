// Values as plain text and JSON, and their order.

package column

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strconv"
	"time"

	"bursar/internal/decimal"
)

// AppendJSON writes value i as JSON: decimals as strings with their full scale, integers as numbers, dates as "2006-01-02",
// timestamps as RFC 3339 in UTC with as many decimals as needed, json columns unchanged.
func (v *Vector) AppendJSON(dst []byte, i int) []byte {
	if v.IsNull(i) {
		return append(dst, "null"...)
	}
	switch v.Type.Kind {
	case String:
		return AppendJSON(dst, v.Text(i))
	case JSON:
		return append(dst, v.Text(i)...)
	case Int, BigInt, Bool, List:
		return v.AppendPlain(dst, i)
	default:
		dst = append(dst, '"')
		dst = v.AppendPlain(dst, i)
		return append(dst, '"')
	}
}

// AppendPlain writes value i as plain text, as in a CSV file, and a list as JSON; a null writes nothing.
func (v *Vector) AppendPlain(dst []byte, i int) []byte {
	if v.IsNull(i) {
		return dst
	}
	switch v.Type.Kind {
	case Bool:
		return strconv.AppendBool(dst, v.Ints[i] != 0)
	case Int, BigInt:
		return strconv.AppendInt(dst, v.Ints[i], 10)
	case Decimal:
		return decimal.Append(dst, v.Unscaled(i), v.Type.Scale)
	case Date:
		return time.Unix(v.Ints[i]*86400, 0).UTC().AppendFormat(dst, "2006-01-02")
	case Timestamp:
		return time.UnixMicro(v.Ints[i]).UTC().AppendFormat(dst, time.RFC3339Nano)
	case List:
		all := make([]int, len(v.Fields))
		for f := range all {
			all[f] = f
		}
		return v.AppendItemsJSON(dst, i, all)
	default:
		return append(dst, v.Text(i)...)
	}
}

// AppendItemsJSON writes list value i as a JSON array of objects with the given fields of its elements; null is an
// empty array.
func (v *Vector) AppendItemsJSON(dst []byte, i int, fields []int) []byte {
	lo, hi := v.Span(i)
	dst = append(dst, '[')
	for j := lo; j < hi; j++ {
		if j > lo {
			dst = append(dst, ',')
		}
		dst = append(dst, '{')
		for n, f := range fields {
			if n > 0 {
				dst = append(dst, ',')
			}
			dst = AppendJSON(dst, []byte(v.Type.Fields[f].Name))
			dst = append(dst, ':')
			dst = v.Fields[f].AppendJSON(dst, int(j))
		}
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// AppendJSON appends a text as a JSON string, exactly as artifacts are printed: as encoding/json writes it without HTML escapes.
func AppendJSON[T string | []byte](dst []byte, s T) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0 // where the text begins that is not appended yet
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\r':
			dst = append(dst, '\\', 'r')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

// QuoteJSON writes what AppendJSON appends.
func QuoteJSON(s string) json.RawMessage { return AppendJSON(nil, s) }

// Compare orders value i of a and value j of b, both of the same plain type: numbers and times by value, texts by their bytes, nulls
// first.
func Compare(a *Vector, i int, b *Vector, j int) int {
	switch {
	case a.IsNull(i) && b.IsNull(j):
		return 0
	case a.IsNull(i):
		return -1
	case b.IsNull(j):
		return 1
	case a.Type.IsText():
		return bytes.Compare(a.Text(i), b.Text(j))
	case a.Type.IsWide():
		return a.Wide[i].Cmp(b.Wide[j])
	default:
		return cmp.Compare(a.Ints[i], b.Ints[j])
	}
}
