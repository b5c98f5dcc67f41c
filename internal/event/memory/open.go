// Opening a run: in place when the store has it as a file, else through a scratch copy, so that memory stays bounded.

package memory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"bursar/internal/object"
)

// openRun opens the run that info describes and refuses one that does not agree.
func openRun(ctx context.Context, store object.Store, scratch string, info RunInfo) (*table, error) {
	file, err := runFile(ctx, store, scratch, info.Name)
	if err != nil {
		return nil, fmt.Errorf("open run %s: %w", info.Name, err)
	}
	t, f, err := openTable(file)
	if err != nil {
		return nil, fmt.Errorf("open run %s: %w", info.Name, err)
	}
	if int64(f.entries) != info.Entries || f.first != info.FirstReceived || f.last != info.LastReceived {
		err := fmt.Errorf("open run %s: %w: it holds %d entries of %d to %d, the catalog says %d of %d to %d", info.Name,
			ErrCorrupt, f.entries, f.first, f.last, info.Entries, info.FirstReceived, info.LastReceived)
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

// openTable maps a file and closes it.
func openTable(file *os.File) (*table, footer, error) {
	content, free, err := mapFile(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, footer{}, err
	}
	t, f, err := readTable(content)
	if err != nil {
		return nil, f, errors.Join(err, free())
	}
	t.free = free
	return t, f, nil
}

// runFile is an open file with the object's bytes.
func runFile(ctx context.Context, store object.Store, scratch, name string) (*os.File, error) {
	if local, ok := store.(object.Local); ok {
		return os.Open(local.Path(name))
	}
	r, err := store.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	file, err := scratchFile(scratch)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	_, err = io.Copy(file, io.NewSectionReader(r, 0, r.Size()))
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// scratchFile makes a file that has no name, so that it is gone with its last user, crashed or not.
func scratchFile(dir string) (*os.File, error) {
	file, err := os.CreateTemp(dir, "memory-*")
	if err != nil {
		return nil, fmt.Errorf("make scratch file: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("unlink scratch file: %w", err), file.Close())
	}
	return file, nil
}
