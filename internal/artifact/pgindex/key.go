// The form of keys, runs and locations in a row, and their checksum.

package pgindex

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"bursar/internal/artifact"
)

// wholeKey is the length up to which a key is stored as it is. PostgreSQL's B-trees refuse rows over 2,700 bytes, so a longer
// key is stored as its first wholeKey bytes and the digest of the whole, and the rest of it in another column.
//
// Keys are prefix-free, so whole keys sort as they should, also among longer ones. Longer keys with the same first bytes are
// neighbours, in the order of their digests: Scan sorts them.
const wholeKey = 1024

// storedKey returns the two columns of a key. Both may share the key's memory.
func storedKey(key []byte) (stored, rest []byte) {
	if len(key) <= wholeKey {
		return key, nil
	}
	digest := sha256.Sum256(key)
	return append(append(make([]byte, 0, wholeKey+len(digest)), key[:wholeKey]...), digest[:]...), key[wholeKey:]
}

// isLong reports whether the columns are those of a key that is not stored whole.
func isLong(stored []byte) bool { return len(stored) > wholeKey }

// checksummer computes the checksums of entries of a generation. A checksum covers the generation, the key, the run and the
// location.
type checksummer struct{ space uint32 }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func newChecksummer(space artifact.Space) checksummer {
	name := append([]byte(space.Pipeline), 0)
	return checksummer{crc32.Checksum(binary.BigEndian.AppendUint64(name, space.Generation), castagnoli)}
}

func (c checksummer) of(key []byte, run uint64, l artifact.Location) int32 {
	var fixed [24]byte
	binary.BigEndian.PutUint64(fixed[0:], run)
	binary.BigEndian.PutUint64(fixed[8:], l.Offset)
	binary.BigEndian.PutUint32(fixed[16:], l.Part)
	binary.BigEndian.PutUint32(fixed[20:], l.Length)
	sum := crc32.Update(c.space, castagnoli, key)
	return int32(crc32.Update(sum, castagnoli, fixed[:]))
}

// check returns ErrIndexDamaged if an entry is not as it was loaded.
func (c checksummer) check(e artifact.Entry, stored int32) error {
	if c.of(e.Key, e.Run, e.Location) != stored {
		return fmt.Errorf("the entry of key %x, run %d is not as it was written: %w", e.Key, e.Run, artifact.ErrIndexDamaged)
	}
	return nil
}

// checkNumber refuses a number that a column of 8 bytes cannot store: it is never wrapped.
func checkNumber(what string, n uint64) error {
	if n > math.MaxInt64 {
		return fmt.Errorf("%s %d is larger than the index can store", what, n)
	}
	return nil
}

func checkLocation(l artifact.Location) error {
	if l.Part > math.MaxInt32 || l.Length > math.MaxInt32 {
		return fmt.Errorf("location %+v is larger than the index can store", l)
	}
	return checkNumber("offset", l.Offset)
}

// runBound is a bound on runs in a query: no stored run is larger than the largest that a column can store.
func runBound(asOf uint64) int64 {
	return int64(min(asOf, math.MaxInt64))
}

// locationColumns are the columns that decodeEntry reads, in its order.
const locationColumns = `run, "offset", part, length, crc`

// decodeEntry reads the binary values of locationColumns into an entry and its checksum.
func decodeEntry(values [][]byte) (e artifact.Entry, crc int32, err error) {
	widths := [...]int{8, 8, 4, 4, 4}
	for i, width := range widths {
		if len(values[i]) != width {
			return e, 0, fmt.Errorf("column %d of an index entry has %d bytes, want %d", i, len(values[i]), width)
		}
	}
	e.Run = binary.BigEndian.Uint64(values[0])
	e.Location.Offset = binary.BigEndian.Uint64(values[1])
	e.Location.Part = binary.BigEndian.Uint32(values[2])
	e.Location.Length = binary.BigEndian.Uint32(values[3])
	return e, int32(binary.BigEndian.Uint32(values[4])), nil
}
