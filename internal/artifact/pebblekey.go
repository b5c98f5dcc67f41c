// pebblekey.go lays out the index's keys and values.
//
//	key    pipeline 0x00 generation(8 bytes, big endian) key ^run(8 bytes, big endian)
//	value  part, offset, length (uvarints)
//
//	key    pipeline 0x01 generation(8 bytes, big endian) ^run(8 bytes, big endian) first key of the load
//	value  entries of the load (uvarint)
//
// Entries of one key lie together, newest run first. Keys are prefix-free, so the run needs no separator. What a load
// brought stands behind all entries of the pipeline, so that it is the last thing written to a load's last table.

package artifact

import (
	"encoding/binary"
	"fmt"
	"strings"
)

const runBytes = 8

// spacePrefix is what the keys of one generation start with, and of no other.
func spacePrefix(space Space) ([]byte, error) { return prefixOf(space, entryMark) }

// loadsPrefix is what the keys of one generation's loads start with.
func loadsPrefix(space Space) ([]byte, error) { return prefixOf(space, loadMark) }

// What stands behind the pipeline's name in a key.
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

// successor is the first key above all that start with prefix, which holds at least one byte below 0xff.
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
