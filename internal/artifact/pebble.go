// The index backend of a single machine: a Pebble store, filled only by ingested tables.

package artifact

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"bursar/internal/durable"
	"bursar/internal/failure"
)

// DefaultIndexCache is the default size of a PebbleIndex's block cache, in bytes.
const DefaultIndexCache = 64 << 20

// PebbleIndex is an Index in a Pebble store. Nothing is written to its write-ahead log: a run is written as sorted tables, which are
// fsynced and then ingested together, so opening after a crash has nothing to replay.
type PebbleIndex struct {
	db        *pebble.DB
	dir       string
	options   [sha256.Size]byte // digest of the OPTIONS file, which the store writes when it is opened
	loadDir   string            // folder of tables that are not ingested yet; empty if the index is read-only
	nextTable atomic.Uint64     // number of the last file in loadDir
}

// OpenPebble opens the index in dir, which is created if missing; only one process may have it open at a time.
// cacheBytes is the size of the block cache, DefaultIndexCache if 0.
func OpenPebble(dir string, cacheBytes int64) (*PebbleIndex, error) {
	if err := durable.MakeFolder(dir); err != nil {
		return nil, fmt.Errorf("open index %s: %w", dir, err)
	}
	db, err := openDB(dir, cacheBytes)
	if err != nil {
		return nil, fmt.Errorf("open index %s: %w", dir, err)
	}
	x := &PebbleIndex{db: db, dir: dir, loadDir: filepath.Join(dir, "loads")}
	x.options, err = optionsDigest(dir)
	if err = errors.Join(err, x.clean()); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("open index %s: %w", dir, err)
	}
	return x, nil
}

// openDB opens the store. An error is damage unless the system or another process caused it: some corrupted files make the store
// panic instead of returning an error.
func openDB(dir string, cacheBytes int64) (db *pebble.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrIndexDamaged, r)
		}
	}()
	db, err = pebble.Open(dir, pebbleOptions(cmp.Or(cacheBytes, DefaultIndexCache)))
	return db, markDamaged(err)
}

// markDamaged marks an error of the store's files as damage, unless it is an error of the operating system.
func markDamaged(err error) error {
	systemError := failure.Of(err) == failure.Transient || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
	if err == nil || systemError || errors.Is(err, ErrIndexDamaged) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrIndexDamaged, err)
}

// OpenPebbleReadOnly opens the index in dir for reading, and writes nothing. The caller ensures that no other process has the index
// open. cacheBytes is as for OpenPebble.
func OpenPebbleReadOnly(dir string, cacheBytes int64) (*PebbleIndex, error) {
	o := pebbleOptions(cmp.Or(cacheBytes, DefaultIndexCache))
	o.ReadOnly, o.FS = true, noLockFS{vfs.Default}
	db, err := pebble.Open(dir, o)
	if err != nil {
		return nil, fmt.Errorf("open index %s for reading: %w", dir, err)
	}
	return &PebbleIndex{db: db, dir: dir}, nil
}

// readOnly reports whether the index was opened for reading only.
func (x *PebbleIndex) readOnly() bool { return x.loadDir == "" }

// noLockFS is a file system without locks: the store's lock is a file that it creates.
type noLockFS struct{ vfs.FS }

// Lock does nothing.
func (noLockFS) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// clean removes the tables of interrupted loads; the store's lock ensures that no other process is loading.
func (x *PebbleIndex) clean() error {
	if err := os.RemoveAll(x.loadDir); err != nil {
		return err
	}
	return os.Mkdir(x.loadDir, 0o700)
}

// pebbleOptions are tuned for tables that each span the whole key range and are read by forward scans that touch nearly every
// block: large blocks, not compressed (snappy saves a sixth of the space and halves the speed).
func pebbleOptions(cacheBytes int64) *pebble.Options {
	o := &pebble.Options{
		CacheSize:          cacheBytes,
		FormatMajorVersion: pebble.FormatNewest,
		DisableWAL:         true,
		MemTableSize:       1 << 20, // stays empty: everything is ingested
		MaxOpenFiles:       1000,
		Logger:             pebbleLogger{},
		// Without a listener, a damaged block that is only read ends the process.
		EventListener: reportDamage(),
		// Statistics would be read in the background again and again while a table is damaged, and help with deletions only.
		DisableTableStats: true,
		// Compacting one run rewrites everything that overlaps it, which is all tables. So compaction waits until six runs overlap
		// (Pebble's threshold is twice that) and moves them to the lowest level in one step.
		L0CompactionThreshold: 12,
		L0StopWritesThreshold: 1000,
		LBaseMaxBytes:         4 << 30,
		// One core is left to the run in flight.
		CompactionConcurrencyRange: func() (lower, upper int) { return 1, 1 },
	}
	for i := range o.Levels {
		o.TargetFileSizes[i] = tableBytes
		o.Levels[i].BlockSize = 32 << 10
		o.Levels[i].IndexBlockSize = 64 << 10
		o.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression }
	}
	return o
}

// Drop removes a generation, durably; its space is freed as soon as no reader uses it.
func (x *PebbleIndex) Drop(ctx context.Context, space Space) error {
	var err error
	for _, prefixOf := range []func(Space) ([]byte, error){loadsPrefix, spacePrefix} {
		prefix, failed := prefixOf(space)
		if failed == nil {
			failed = x.db.Excise(ctx, pebble.KeyRange{Start: prefix, End: successor(prefix)})
		}
		err = cmp.Or(err, failed)
	}
	return indexError("drop", space, err)
}

// Close waits for background work and unlocks the folder. No call may be in progress.
func (x *PebbleIndex) Close() error {
	if err := x.db.Close(); err != nil {
		return fmt.Errorf("close index: %w", err)
	}
	return nil
}

// reportDamage returns a listener that logs each damaged file once.
func reportDamage() *pebble.EventListener {
	var reported sync.Map
	return &pebble.EventListener{
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			if _, again := reported.LoadOrStore(info.Path, true); !again {
				slog.Error("index: a file is damaged; run `bursar repair`", "file", info.Path)
			}
		},
		BackgroundError: func(err error) {
			if !pebble.IsCorruptionError(err) {
				slog.Error("index: background work failed", "error", err)
			}
		},
	}
}

// ErrIndexDamaged is returned, wrapped, by opening or reading an index whose files are not as they were written. Class Data.
// The index can be rebuilt from parts.
var ErrIndexDamaged = failure.Wrap(failure.Data, errors.New("the index is damaged; run `bursar repair`"))

// markCorruption marks the store's errors about damaged files.
func markCorruption(err error) error {
	if err != nil && pebble.IsCorruptionError(err) && !errors.Is(err, ErrIndexDamaged) {
		return fmt.Errorf("%w: %w", ErrIndexDamaged, err)
	}
	return err
}

// pebbleLogger drops Pebble's informational messages and logs its errors.
type pebbleLogger struct{}

func (pebbleLogger) Infof(string, ...any) {}

func (pebbleLogger) Errorf(format string, args ...any) {
	slog.Error("index: " + fmt.Sprintf(format, args...))
}

// Fatalf is called in a goroutine of the store if it could not write its own files, and must not return. It ends the process as a
// kill would, with the reason instead of a stack trace: durable data stays, and the next open continues from it.
func (pebbleLogger) Fatalf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "error: write index: %s [transient]\nhint: nothing is lost; make room and try again\n",
		fmt.Sprintf(format, args...))
	os.Exit(1)
}
