package artifact

import (
	"encoding/binary"

	"bursar/internal/column"
)

// AppendKey writes the key in row i of its columns so that the bytes of two keys compare as the keys do, numbers by
// value and strings by their UTF-8 bytes, and no key is a prefix of another. Keys hold no nulls.
func AppendKey(dst []byte, key []column.Vector, i int) []byte {
	for c := range key {
		v := &key[c]
		switch {
		case v.Type.IsText():
			dst = appendText(dst, v.Text(i))
		case v.Type.IsWide():
			dst = binary.BigEndian.AppendUint64(dst, uint64(v.Wide[i].HighBits())^(1<<63))
			dst = binary.BigEndian.AppendUint64(dst, v.Wide[i].LowBits())
		default:
			dst = binary.BigEndian.AppendUint64(dst, uint64(v.Ints[i])^(1<<63))
		}
	}
	return dst
}

// appendText ends a text with 00 01 and writes a zero byte within it as 00 FF.
func appendText(dst, text []byte) []byte {
	for _, b := range text {
		dst = append(dst, b)
		if b == 0 {
			dst = append(dst, 0xFF)
		}
	}
	return append(dst, 0, 1)
}
