// The layout of keys and values in the Pebble index, and how the entries of a run are written as sorted tables, which the store ingests.
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
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"bursar/internal/failure"

	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// tableBytes is the size at which a load starts its next table: small enough that compaction proceeds in steps.
const tableBytes = 32 << 20

// ErrReadOnly is returned, wrapped, by Load if the index is open for reading only. Class Data.
var ErrReadOnly = failure.Wrap(failure.Data, errors.New("the index is open for reading only"))

// Load adds the entries of one run, all or none of them.
func (x *PebbleIndex) Load(ctx context.Context, space Space, run uint64, next func() (e Entry, ok bool, err error)) error {
	prefix, err := spacePrefix(space)
	if err == nil && x.readOnly() {
		err = ErrReadOnly
	}
	if err == nil {
		l := &load{index: x, space: space, run: run, key: prefix, prefix: len(prefix)}
		if err = l.addAll(ctx, next); err == nil {
			err = l.addLoadRecord()
		}
		if err = errors.Join(err, l.finishTable()); err == nil && len(l.paths) > 0 {
			err = x.db.Ingest(ctx, l.paths)
		}
		if err != nil {
			l.removeFiles()
		}
	}
	if err != nil {
		return fmt.Errorf("load index of %s generation %d run %d: %w", space.Pipeline, space.Generation, run, markCorruption(err))
	}
	return nil
}

// load is one call of Load. Its tables are on the store's file system, so that ingesting them makes hard links.
type load struct {
	index  *PebbleIndex
	space  Space
	run    uint64
	first  []byte          // key of the first entry
	n      uint64          // entries
	paths  []string        // of all tables
	table  *sstable.Writer // the table being written; nil between two tables
	size   int             // bytes of keys and values in table
	key    []byte          // space prefix, then key and run of the previous entry
	prefix int             // length of the space prefix
	value  []byte
}

func (l *load) addAll(ctx context.Context, next func() (e Entry, ok bool, err error)) error {
	for n := 0; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		e, ok, err := next()
		if err != nil || !ok {
			return err
		}
		if err := l.add(e); err != nil {
			return err
		}
	}
}

func (l *load) add(e Entry) error {
	if err := l.checkOrder(e.Key); err != nil {
		return err
	}
	if l.n == 0 {
		l.first = bytes.Clone(e.Key)
	}
	l.n++
	if l.table == nil {
		if err := l.startTable(); err != nil {
			return err
		}
	}
	l.key = appendRun(append(l.key[:l.prefix], e.Key...), l.run)
	l.value = appendLocation(l.value[:0], e.Location)
	if err := l.table.Set(l.key, l.value); err != nil {
		return err
	}
	if l.size += len(l.key) + len(l.value); l.size >= tableBytes {
		return l.finishTable()
	}
	return nil
}

// addLoadRecord adds the number of entries, after them and in the same table, so that both are ingested or neither.
func (l *load) addLoadRecord() error {
	key, err := loadsPrefix(l.space)
	if err != nil {
		return err
	}
	if l.table == nil {
		if err := l.startTable(); err != nil {
			return err
		}
	}
	return l.table.Set(append(appendRun(key, l.run), l.first...), binary.AppendUvarint(nil, l.n))
}

// checkOrder rejects keys that would be stored where no reader finds them.
func (l *load) checkOrder(key []byte) error {
	var before []byte
	if len(l.key) > l.prefix {
		before = l.key[l.prefix : len(l.key)-runBytes]
	}
	return CheckOrder(before, key)
}

func (l *load) startTable() error {
	path := filepath.Join(l.index.loadDir, fmt.Sprintf("%d.sst", l.index.nextTable.Add(1)))
	file, err := vfs.Default.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	options := pebbleOptions(0).MakeWriterOptions(0, l.index.db.TableFormat())
	l.table, l.size = sstable.NewWriter(objstorageprovider.NewFileWritable(file), options), 0
	l.paths = append(l.paths, path)
	return nil
}

// finishTable completes the current table and fsyncs it.
func (l *load) finishTable() error {
	if l.table == nil {
		return nil
	}
	err := l.table.Close()
	l.table = nil
	return err
}

func (l *load) removeFiles() {
	for _, path := range l.paths {
		_ = os.Remove(path) // what remains is removed by the next open
	}
}

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
