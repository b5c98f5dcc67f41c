// Digests and exact sums of rows, which do not depend on their order.

package column

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"math/bits"

	"bursar/internal/decimal"

	"github.com/zeebo/xxh3"
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
		if n := v.Wide[i]; !decimal.FitsInt64(n) {
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
	for !decimal.FitsInt64(n) {
		quotient, rest := n.Div(ten)
		if rest != (decimal.Int128{}) {
			break
		}
		n, scale = quotient, scale-1
	}
	if decimal.FitsInt64(n) {
		v := Vector{Type: Type{Kind: Decimal, Precision: MaxNarrow, Scale: int(scale)}, Ints: []int64{int64(n.LowBits())}}
		return v.appendNumber(dst, 0)
	}
	dst = binary.LittleEndian.AppendUint64(dst, n.LowBits())
	dst = binary.LittleEndian.AppendUint64(dst, uint64(n.HighBits()))
	return append(dst, byte(scale))
}

// Sums adds up a measure by group, exactly and without bounds (rule 2).
type Sums struct {
	Scale  int
	Groups map[string]*big.Int // unscaled; the group of an ungrouped sum is ""

	group   string // the group of the previous row: rows of one group are often adjacent
	current *big.Int
	narrow  int64 // the current group's last terms, moved on before they can overflow
	terms   int
}

// NewSums returns empty sums of values with the given scale.
func NewSums(scale int) *Sums { return &Sums{Scale: scale, Groups: map[string]*big.Int{}} }

// Add adds the measure of the rows that include accepts, or of all rows if it is nil. Nulls add nothing; without by there is one group.
func (s *Sums) Add(measure, by *Vector, include func(i int) bool) {
	for i := range measure.Len() {
		if include != nil && !include(i) {
			continue
		}
		s.selectGroup(by, i)
		if !measure.IsNull(i) {
			s.addTerm(measure, i)
		}
	}
	s.flush()
}

func (s *Sums) selectGroup(by *Vector, i int) {
	var buffer [64]byte
	name := buffer[:0]
	if by != nil {
		name = by.AppendPlain(name, i)
	}
	if s.current != nil && string(name) == s.group {
		return
	}
	s.flush()
	s.group = string(name)
	s.current = s.Group(s.group)
}

// Group returns the sum of a group.
func (s *Sums) Group(group string) *big.Int {
	if s.Groups[group] == nil {
		s.Groups[group] = new(big.Int)
	}
	return s.Groups[group]
}

func (s *Sums) addTerm(measure *Vector, i int) {
	if measure.Type.IsWide() && !decimal.FitsInt64(measure.Wide[i]) {
		s.current.Add(s.current, measure.Wide[i].BigInt())
		return
	}
	const safe = 1 << 59 // eight terms of this size fit an int64
	x := int64(measure.Unscaled(i).LowBits())
	if x > safe || x < -safe {
		s.current.Add(s.current, big.NewInt(x))
		return
	}
	if s.terms == 8 {
		s.flush()
	}
	s.narrow += x
	s.terms++
}

func (s *Sums) flush() {
	if s.terms > 0 {
		var x big.Int
		s.current.Add(s.current, x.SetInt64(s.narrow))
		s.narrow, s.terms = 0, 0
	}
}

// Merge adds other sums of the same scale.
func (s *Sums) Merge(other *Sums) {
	for group, sum := range other.Groups {
		s.Group(group).Add(s.Group(group), sum)
	}
}

// Sub subtracts other sums of the same scale.
func (s *Sums) Sub(other *Sums) {
	for group, sum := range other.Groups {
		s.Group(group).Sub(s.Group(group), sum)
	}
}

// Text formats the sums as decimals. A sum of more than 38 digits is an error: nothing ever wraps (rule 2).
func (s *Sums) Text() (map[string]string, error) {
	texts := make(map[string]string, len(s.Groups))
	for group, sum := range s.Groups {
		n, err := decimal.Narrow(sum)
		if err != nil {
			return nil, err
		}
		texts[group] = string(decimal.Append(nil, n, s.Scale))
	}
	return texts, nil
}
