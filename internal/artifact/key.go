// Package artifact stores artifacts by key: records in immutable parts, and the index that points to them. It owns the encodings
// of keys and records and guarantees that what is read is what was written, or an error. It must not know how artifacts are
// made, or which runs are published.
package artifact

import (
	"bytes"
	"encoding/binary"

	"bursar/internal/column"
)

// AppendKey encodes the key in row i of its columns. Encoded keys compare as the keys do, numbers by value and strings by their
// UTF-8 bytes, and no key is a prefix of another. Keys contain no nulls.
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

// IsKey reports whether row i of a record's columns starts with the encoded key.
func IsKey(key []byte, row []column.Vector, i int) bool {
	var buffer [128]byte
	encoded := buffer[:0]
	for c := 0; len(encoded) < len(key) && c < len(row); c++ {
		encoded = AppendKey(encoded, row[c:c+1], i)
	}
	return bytes.Equal(encoded, key)
}

// appendText terminates a text with 00 01 and escapes a zero byte in it as 00 FF.
func appendText(dst, text []byte) []byte {
	for {
		zero := bytes.IndexByte(text, 0)
		if zero < 0 {
			return append(append(dst, text...), 0, 1)
		}
		dst = append(append(dst, text[:zero+1]...), 0xFF)
		text = text[zero+1:]
	}
}
