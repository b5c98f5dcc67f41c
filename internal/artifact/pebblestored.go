// Reads the index as it is on disk, bypassing what is cached in memory.

package artifact

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"
)

// storedCache is the block cache of a copy, in bytes.
const storedCache = 8 << 20

// Stored opens a copy of the index, in a new folder dir, made of the files as they are on disk: what the next start would read.
// Every block is first compared with its checksum; damage is ErrIndexDamaged. The copy is read-only; its tables are hard links,
// so it uses no space. The caller removes the folder after Close.
func (x *PebbleIndex) Stored(ctx context.Context, dir string) (Index, error) {
	var err error
	if x.readOnly() { // nobody changes the files, so they are read in place
		dir = x.dir
	} else if err = x.checkNames(); err == nil {
		err = x.db.Checkpoint(dir)
	}
	if err == nil {
		err = checkFiles(ctx, dir)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("read index %s: %w", x.dir, markDamaged(err))
	}
	stored, err := OpenPebbleReadOnly(dir, storedCache)
	if err != nil {
		return nil, markDamaged(err)
	}
	return stored, nil
}

// checkNames checks the files that name all other files. The store reads them only when it is opened.
func (x *PebbleIndex) checkNames() error {
	for _, name := range []string{"manifest", "format-version"} {
		value, err := atomicfs.ReadMarker(vfs.Default, x.dir, name)
		if err != nil {
			return err
		}
		if value == "" {
			return fmt.Errorf("%w: marker.%s is missing", ErrIndexDamaged, name)
		}
	}
	options, err := optionsDigest(x.dir)
	if err == nil && options != x.options {
		err = fmt.Errorf("%w: OPTIONS is not as it was written", ErrIndexDamaged)
	}
	return err
}

// optionsDigest is the digest of the newest OPTIONS file, which the store writes when it is opened.
func optionsDigest(dir string) (digest [sha256.Size]byte, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "OPTIONS-*"))
	if err != nil || len(paths) == 0 {
		return digest, err
	}
	text, err := os.ReadFile(paths[len(paths)-1])
	return sha256.Sum256(text), err
}

// checkFiles compares all files of the copy with their checksums.
func checkFiles(ctx context.Context, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case strings.HasPrefix(e.Name(), "MANIFEST-"):
			err = checkManifest(path)
		case filepath.Ext(e.Name()) == ".sst":
			err = checkTable(ctx, path)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", e.Name(), err)
		}
	}
	return nil
}

// checkManifest reads all records of a manifest.
func checkManifest(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	records := record.NewReader(file, 0)
	for {
		r, err := records.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if err != nil {
			return err
		}
	}
}

// checkTable compares all blocks of a table with their checksums. The reader panics on some damage.
func checkTable(ctx context.Context, path string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	file, err := vfs.Default.Open(path)
	if err != nil {
		return err
	}
	readable, err := sstable.NewSimpleReadable(file)
	if err != nil {
		return err
	}
	o := pebbleOptions(storedCache)
	o.EnsureDefaults()
	r, err := sstable.NewReader(ctx, readable, o.MakeReaderOptions())
	if err != nil {
		return errors.Join(err, readable.Close())
	}
	return errors.Join(r.ValidateBlockChecksums(), r.Close())
}
