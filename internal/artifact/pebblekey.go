// The layout of keys and values in the Pebble index.
//
//	key    pipeline 0x00 generation(8 bytes, big endian) key ^run(8 bytes, big endian)
//	value  part, offset, length (uvarints)
//
//	key    pipeline 0x01 generation(8 bytes, big endian) ^run(8 bytes, big endian) first key of the load
//	value  entries of the load (uvarint)
//
// Entries of one key are adjacent, newest run first. Keys are prefix-free, so the run needs no separator. The record of a load sorts
// after all entries of the pipeline, so it is the last key written to the load's last table.

package artifact

import (
	"encoding/binary"
	"fmt"
	"strings"
)

const runBytes = 8

// spacePrefix is the prefix of the entries of one generation, and of no others.
func spacePrefix(space Space) ([]byte, error) { return prefixOf(space, entryMark) }

// loadsPrefix is the prefix of the loads of one generation.
func loadsPrefix(space Space) ([]byte, error) { return prefixOf(space, loadMark) }

// The byte after the pipeline's name in a key.
const (
	entryMark = 0
	loadMark  = 1
)

func prefixOf(space Space, mark byte) ([]byte, error) {
	if space.Pipeline == "" || strings.ContainsAny(space.Pipeline, "\x00\x01") {
		return nil, fmt.Errorf("pipeline name %q is not a valid name", space.Pipeline)
	}
	prefix := append([]byte(space.Pipeline), mark)
	return binary.BigEndian.AppendUint64(prefix, space.Generation), nil
}

// successor is the first key above all keys with the prefix, which contains at least one byte below 0xff.
func successor(prefix []byte) []byte {
	last := len(prefix) - 1
	for prefix[last] == 0xff {
		last--
	}
	end := append([]byte(nil), prefix[:last+1]...)
	end[last]++
	return end
}

func appendRun(key []byte, run uint64) []byte {
	return binary.BigEndian.AppendUint64(key, ^run)
}

func runOf(stored []byte) uint64 {
	return ^binary.BigEndian.Uint64(stored[len(stored)-runBytes:])
}

func appendLocation(value []byte, l Location) []byte {
	value = binary.AppendUvarint(value, uint64(l.Part))
	value = binary.AppendUvarint(value, l.Offset)
	return binary.AppendUvarint(value, uint64(l.Length))
}

func decodeLocation(value []byte) (Location, error) {
	part, n := binary.Uvarint(value)
	offset, m := binary.Uvarint(value[max(n, 0):])
	length, k := binary.Uvarint(value[max(n, 0)+max(m, 0):])
	if n <= 0 || m <= 0 || k <= 0 || n+m+k != len(value) || part > 1<<32-1 || length > 1<<32-1 {
		return Location{}, fmt.Errorf("index value %x is corrupt", value)
	}
	return Location{Part: uint32(part), Offset: offset, Length: uint32(length)}, nil
}
