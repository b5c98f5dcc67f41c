// pebble.go is the index of a single machine: one Pebble store, filled by ingested tables only.

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

	"bursar/internal/failure"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// DefaultIndexCache is how many bytes of index blocks a PebbleIndex keeps in memory unless told otherwise.
const DefaultIndexCache = 64 << 20

// PebbleIndex is an Index in one Pebble store. Nothing goes through its write-ahead log: a run is written as sorted
// tables, fsynced and then taken over whole, so opening after a crash has nothing to replay.
type PebbleIndex struct {
	db        *pebble.DB
	dir       string
	options   [sha256.Size]byte // digest of the OPTIONS file that the store wrote when it was opened
	loadDir   string            // folder of tables not yet taken over; empty where the index is only read
	nextTable atomic.Uint64     // numbers the files in it
}

// OpenPebble opens the index in dir, which is made when missing; one process may have it open at a time.
// cacheBytes is the size of the block cache, DefaultIndexCache if 0.
func OpenPebble(dir string, cacheBytes int64) (*PebbleIndex, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
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

// openDB opens the store. What is neither the system's refusal nor another process is damage: some files that were bent on
// purpose make the store panic instead of returning an error.
func openDB(dir string, cacheBytes int64) (db *pebble.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrIndexDamaged, r)
		}
	}()
	db, err = pebble.Open(dir, pebbleOptions(cmp.Or(cacheBytes, DefaultIndexCache)))
	return db, markDamaged(err)
}

// markDamaged makes an error of the store's files damage, unless the system has refused something.
func markDamaged(err error) error {
	systemError := failure.Of(err) == failure.Transient || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
	if err == nil || systemError || errors.Is(err, ErrIndexDamaged) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrIndexDamaged, err)
}

// OpenPebbleReadOnly opens the index in dir for lookups and walks, and writes nothing. Whoever calls it sees to it that no process
// has the index open otherwise.
func OpenPebbleReadOnly(dir string) (*PebbleIndex, error) {
	return openReadOnly(dir, DefaultIndexCache)
}

func openReadOnly(dir string, cacheBytes int64) (*PebbleIndex, error) {
	o := pebbleOptions(cacheBytes)
	o.ReadOnly, o.FS = true, noLockFS{vfs.Default}
	db, err := pebble.Open(dir, o)
	if err != nil {
		return nil, fmt.Errorf("open index %s for reading: %w", dir, err)
	}
	return &PebbleIndex{db: db, dir: dir}, nil
}

// readOnly reports whether the index was opened for reading only.
func (x *PebbleIndex) readOnly() bool { return x.loadDir == "" }

// noLockFS is a file system on which nothing is locked, as the store's lock is a file that it makes.
type noLockFS struct{ vfs.FS }

// Lock locks nothing.
func (noLockFS) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// clean removes the tables of loads that died; the store's own lock says that no other process is loading.
func (x *PebbleIndex) clean() error {
	if err := os.RemoveAll(x.loadDir); err != nil {
		return err
	}
	return os.Mkdir(x.loadDir, 0o700)
}

// pebbleOptions are tuned for tables that each span the whole range of keys and are read by forward walks that
// touch nearly every block: large blocks, not compressed (snappy saves a sixth of the space and costs half the speed).
func pebbleOptions(cacheBytes int64) *pebble.Options {
	o := &pebble.Options{
		CacheSize:          cacheBytes,
		FormatMajorVersion: pebble.FormatNewest,
		DisableWAL:         true,
		MemTableSize:       1 << 20, // stays empty: everything is ingested
		MaxOpenFiles:       1000,
		Logger:             pebbleLogger{},
		// Unless somebody else listens, a damaged block that is only read ends the process.
		EventListener: reportDamage(),
		// They are read in the background again and again while a table is damaged, and help with deletions only.
		DisableTableStats: true,
		// Compacting one run rewrites all that it overlaps, which is everything. So compaction waits until six runs
		// lie over each other (Pebble's threshold is twice that) and takes them to the bottom in one step.
		L0CompactionThreshold: 12,
		L0StopWritesThreshold: 1000,
		LBaseMaxBytes:         4 << 30,
		// One core is left to the run that is under way.
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

// Drop removes a generation at once and durably; the space is freed as soon as no reader looks at it.
func (x *PebbleIndex) Drop(ctx context.Context, space Space) error {
	var err error
	for _, prefixOf := range []func(Space) ([]byte, error){loadsPrefix, spacePrefix} {
		prefix, failed := prefixOf(space)
		if failed == nil {
			failed = x.db.Excise(ctx, pebble.KeyRange{Start: prefix, End: successor(prefix)})
		}
		err = cmp.Or(err, failed)
	}
	if err != nil {
		return fmt.Errorf("drop index of %s generation %d: %w", space.Pipeline, space.Generation, markCorruption(err))
	}
	return nil
}

// Close waits for background work and frees the folder. No call may be under way.
func (x *PebbleIndex) Close() error {
	if err := x.db.Close(); err != nil {
		return fmt.Errorf("close index: %w", err)
	}
	return nil
}

// reportDamage listens to what the store finds, and logs each damaged file once.
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
				slog.Error("index: work in the background failed", "error", err)
			}
		},
	}
}

// ErrIndexDamaged is what opening or reading an index returns whose files are not as they were written, wrapped. Class Data.
// The index can be made again from parts.
var ErrIndexDamaged = failure.Wrap(failure.Data, errors.New("the index is damaged; run `bursar repair`"))

// markCorruption marks the store's errors about damaged files.
func markCorruption(err error) error {
	if err != nil && pebble.IsCorruptionError(err) && !errors.Is(err, ErrIndexDamaged) {
		return fmt.Errorf("%w: %w", ErrIndexDamaged, err)
	}
	return err
}

// pebbleLogger keeps Pebble's running commentary away and lets its troubles through.
type pebbleLogger struct{}

func (pebbleLogger) Infof(string, ...any) {}

func (pebbleLogger) Errorf(format string, args ...any) {
	slog.Error("index: " + fmt.Sprintf(format, args...))
}

// Fatalf is called, in a goroutine of the store, when it could not write its own files, and must not return. It ends the
// process as a kill would, with the reason in place of a stack trace: what is durable stays, and opening goes on from it.
func (pebbleLogger) Fatalf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "error: write index: %s [transient]\nhint: nothing is lost; make room and try again\n",
		fmt.Sprintf(format, args...))
	os.Exit(1)
}
