// Index: the tables of a stream, opened as local files, so that memory stays bounded.

package dedupe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"bursar/internal/object"
)

// Index looks up ids in the tables it is opened with. It and its batch are for one goroutine at a time. Only one batch may be open: two
// batches that do not know of each other could both find an id new (rule 1).
type Index struct {
	store   object.Local
	scratch string
	tables  []*table
	batch   *Batch
}

// Open opens the tables that the catalog lists for a stream, in any order. scratch is a folder for temporary files. A missing table is
// fs.ErrNotExist and ErrCorrupt, a damaged one ErrCorrupt, wrapped with its name. Lookups and merges check what they read against
// checksums; a table of version 1, which has only one checksum, is checked here.
func Open(ctx context.Context, store object.Local, scratch string, tables []TableInfo) (*Index, error) {
	x := &Index{scratch: scratch, store: store}
	for _, info := range tables {
		t, err := openObject(ctx, store, info)
		if err != nil {
			return nil, errors.Join(err, x.Close())
		}
		x.tables = append(x.tables, t)
	}
	return x, nil
}

// Close releases the tables, and the batch if one is open.
func (x *Index) Close() error {
	var err error
	if x.batch != nil {
		err = x.batch.Close()
	}
	err = errors.Join(err, closeTables(x.tables))
	x.tables = nil
	return err
}

// openObject opens the table that info describes and refuses a different one.
func openObject(ctx context.Context, store object.Local, info TableInfo) (*table, error) {
	file, err := objectFile(ctx, store, info.Name)
	if err != nil {
		return nil, fmt.Errorf("open table %s: %w", info.Name, err)
	}
	verified := verifiedTable{info: info, path: file.Name()}
	if stat, err := file.Stat(); err == nil {
		verified.size, verified.modified = stat.Size(), stat.ModTime()
	}
	t, f, err := openTable(file)
	if err != nil {
		return nil, fmt.Errorf("open table %s: %w", info.Name, err)
	}
	t.info = info
	err = checkInfo(f, info)
	if err == nil && f.version == 1 {
		err = readMapped(func() error { return verified.check(t) })
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open table %s: %w", info.Name, err), t.close())
	}
	return t, nil
}

// checkInfo refuses an intact table that is not the one in the catalog.
func checkInfo(f footer, info TableInfo) error {
	if int64(f.entries) != info.Entries || f.first != info.FirstReceived || f.last != info.LastReceived {
		return fmt.Errorf("%w: it has %d entries of %d to %d, the catalog says %d of %d to %d",
			ErrCorrupt, f.entries, f.first, f.last, info.Entries, info.FirstReceived, info.LastReceived)
	}
	if digest := digestOf(f.encode()); info.Digest != "" && digest != info.Digest {
		return fmt.Errorf("%w: its digest is %s, the catalog says %s", ErrCorrupt, digest, info.Digest)
	}
	return nil
}

// verifiedTable is a table of version 1 in a file, as it was when its checksum was verified.
type verifiedTable struct {
	info     TableInfo
	path     string
	size     int64
	modified time.Time
}

// verifiedTables are the tables of version 1 that this process has verified. A verification reads all of a table, so it is done once.
var verifiedTables sync.Map

func (w verifiedTable) check(t *table) error {
	if _, found := verifiedTables.Load(w); found {
		return nil
	}
	if err := t.verifyBody(); err != nil {
		return err
	}
	verifiedTables.Store(w, struct{}{})
	return nil
}

// openTable maps a file and closes it.
func openTable(file *os.File) (*table, footer, error) {
	content, free, err := object.MapFile(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, footer{}, err
	}
	var t *table
	var f footer
	err = readMapped(func() (err error) {
		t, f, err = readTable(content)
		return err
	})
	if err != nil {
		return nil, f, errors.Join(err, free())
	}
	t.free = free
	return t, f, nil
}

// readMapped runs code that reads mapped tables. A table that was truncated after it was opened is damaged, too.
func readMapped(read func() error) error {
	err := object.ReadMapped(read)
	if errors.Is(err, object.ErrCut) {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}

// objectFile returns an open file with the object's bytes.
func objectFile(ctx context.Context, store object.Local, name string) (*os.File, error) {
	files := store.Files()
	defer files.Release() // an open file stays readable
	path := files.Path(object.Description{Name: name})
	if err := files.Pin(ctx); err != nil {
		return nil, asCorrupt(err)
	}
	file, err := os.Open(path)
	return file, asCorrupt(err)
}

// asCorrupt marks a missing object as damage, since the catalog names it.
func asCorrupt(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: it is missing: %w", ErrCorrupt, err)
	}
	return err
}

// scratchFile creates an unlinked file, which disappears with its last user, even after a crash.
func scratchFile(dir string) (*os.File, error) {
	file, err := os.CreateTemp(dir, "dedupe-*")
	if err != nil {
		return nil, fmt.Errorf("make scratch file: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("unlink scratch file: %w", err), file.Close())
	}
	return file, nil
}
