// Digests of rows that do not depend on their order.

package column

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"

	"github.com/zeebo/xxh3"

	"bursar/internal/decimal"
)

// Digest is a 128-bit digest that does not depend on the order of rows: the sum, modulo 2^128, of the digests of rows.
type Digest struct{ Hi, Lo uint64 }

// Add adds a row's digest. Addition commutes, so any order and grouping of rows gives the same sum.
func (d *Digest) Add(o Digest) {
	var carry uint64
	d.Lo, carry = bits.Add64(d.Lo, o.Lo, 0)
	d.Hi, _ = bits.Add64(d.Hi, o.Hi, carry)
}

// String is the digest as 32 hexadecimal digits.
func (d Digest) String() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], d.Hi)
	binary.BigEndian.PutUint64(b[8:], d.Lo)
	return hex.EncodeToString(b[:])
}

// ParseDigest reads what String writes.
func ParseDigest(text []byte) (Digest, error) {
	var b [16]byte
	if len(text) != hex.EncodedLen(len(b)) {
		return Digest{}, fmt.Errorf("read digest: %d digits, want %d", len(text), hex.EncodedLen(len(b)))
	}
	if _, err := hex.Decode(b[:], text); err != nil {
		return Digest{}, fmt.Errorf("read digest: %w", err)
	}
	return DigestOf(b[:]), nil
}

// DigestOf reads a digest from its first 16 bytes, in the order that String prints.
func DigestOf(b []byte) Digest {
	return Digest{Hi: binary.BigEndian.Uint64(b), Lo: binary.BigEndian.Uint64(b[8:])}
}

// Sum128 digests bytes with XXH3.
func Sum128(b []byte) Digest {
	s := xxh3.Hash128(b)
	return Digest{Hi: s.Hi, Lo: s.Lo}
}

// NameSeed represents a column name in the encoding that row digests are computed from.
func NameSeed(name string) uint64 { return xxh3.HashString(name) }

// AppendCanonical encodes (seed, value i) so that the encoding stays the same after every allowed schema change: nulls write nothing,
// so a new optional column changes no digest; numbers are stripped of trailing zeros, so a wider decimal, or an integer that
// becomes decimal, has the same encoding.
func (v *Vector) AppendCanonical(dst []byte, seed uint64, i int) []byte {
	if v.IsNull(i) {
		return dst
	}
	dst = binary.LittleEndian.AppendUint64(dst, seed)
	switch v.Type.Kind {
	case String, JSON:
		text := v.Text(i)
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(text)))
		return append(dst, text...)
	case Int, BigInt, Decimal:
		return v.appendNumber(dst, i)
	default:
		return binary.LittleEndian.AppendUint64(dst, uint64(v.Ints[i]))
	}
}

func (v *Vector) appendNumber(dst []byte, i int) []byte {
	scale := int8(v.Type.Scale)
	if v.Type.IsWide() {
		if n := v.Wide[i]; !fitsInt64(n) {
			return appendWideNumber(dst, n, scale)
		}
	}
	n := int64(v.Unscaled(i).LowBits())
	if n == 0 {
		scale = 0
	}
	for n != 0 && n%10 == 0 {
		n /= 10
		scale--
	}
	dst = binary.LittleEndian.AppendUint64(dst, uint64(n))
	return append(dst, byte(scale))
}

func appendWideNumber(dst []byte, n decimal.Int128, scale int8) []byte {
	ten := decimal.Int128Of(10)
	for !fitsInt64(n) {
		quotient, rest := n.Div(ten)
		if rest != (decimal.Int128{}) {
			break
		}
		n, scale = quotient, scale-1
	}
	if fitsInt64(n) {
		v := Vector{Type: Type{Kind: Decimal, Precision: MaxNarrow, Scale: int(scale)}, Ints: []int64{int64(n.LowBits())}}
		return v.appendNumber(dst, 0)
	}
	dst = binary.LittleEndian.AppendUint64(dst, n.LowBits())
	dst = binary.LittleEndian.AppendUint64(dst, uint64(n.HighBits()))
	return append(dst, byte(scale))
}

func fitsInt64(n decimal.Int128) bool {
	return n.HighBits() == int64(n.LowBits())>>63
}
