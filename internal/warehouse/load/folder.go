// Objects that are files of a folder.

package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"bursar/internal/failure"
)

// Folder is the files of a folder, at any depth, whose paths begin in the same way.
type Folder struct{ folder, begin string }

var _ Source = (*Folder)(nil)

// NewFolder returns the files whose paths begin with a path: a folder, or the beginning of names in one.
func NewFolder(from string) *Folder {
	if info, err := os.Stat(from); err == nil && info.IsDir() {
		return &Folder{folder: from}
	}
	folder, begin := SplitPrefix(filepath.ToSlash(from))
	return &Folder{cmp.Or(folder, "."), begin}
}

// List lists the files. What is not a regular one has a Fault.
func (f *Folder) List(ctx context.Context, each func(Object) error) error {
	return f.list(ctx, "", each)
}

// list lists a folder below the first one; below is its path with a slash at the end, or empty.
func (f *Folder) list(ctx context.Context, below string, each func(Object) error) error {
	entries, err := os.ReadDir(filepath.Join(f.folder, filepath.FromSlash(below)))
	if err != nil {
		return fmt.Errorf("list objects: %w", err)
	}
	for _, e := range entries {
		name := below + e.Name()
		if below == "" && !strings.HasPrefix(name, f.begin) || IsHidden(e.Name()) {
			continue
		}
		if e.IsDir() {
			err = f.list(ctx, name+"/", each)
		} else {
			err = f.file(ctx, name, e, each)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (f *Folder) file(ctx context.Context, name string, e fs.DirEntry, each func(Object) error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	info, err := e.Info()
	if err == nil && e.Type()&fs.ModeSymlink != 0 {
		info, err = os.Stat(f.path(name))
	}
	switch {
	case errors.Is(err, fs.ErrNotExist): // deleted since the folder was read
		return nil
	case err != nil:
		return fmt.Errorf("list objects: %w", err)
	}
	o := fileObject(name, info)
	o.Fault = f.fault(name, info)
	return each(o)
}

// fault says why a file cannot be loaded; nil if it can.
func (f *Folder) fault(name string, info fs.FileInfo) error {
	var reason string
	switch {
	case info.IsDir():
		reason = "is a link to a folder, which is not followed: name the folder in `from`"
	case !info.Mode().IsRegular():
		reason = "is not a regular file"
	case !utf8.ValidString(name):
		reason = "has a name that is not UTF-8"
	default:
		return nil
	}
	return failure.Wrap(failure.Data, fmt.Errorf("list objects: %q %s; `match` can leave it out", f.path(name), reason))
}

func fileObject(name string, info fs.FileInfo) Object {
	return Object{Name: name, Size: info.Size(), Modified: info.ModTime().UTC().Truncate(time.Microsecond), Changed: changeTime(info)}
}

func (f *Folder) path(name string) string { return filepath.Join(f.folder, filepath.FromSlash(name)) }

// Open opens a file if it is as it was listed.
func (f *Folder) Open(_ context.Context, o Object) (Reader, error) {
	file, err := os.OpenFile(f.path(o.Name), os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe that replaced the file must not wait
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrGone
	}
	if err != nil {
		return nil, fmt.Errorf("open object: %w", err)
	}
	r := &fileReader{file, o}
	if err := r.Unchanged(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return r, nil
}

// fileReader reads a file that must stay as it was listed.
type fileReader struct {
	*os.File
	listed Object
}

// Unchanged fails if the file was written to.
func (r *fileReader) Unchanged() error {
	info, err := r.Stat()
	if err != nil {
		return fmt.Errorf("read object: %w", err)
	}
	if now := fileObject(r.listed.Name, info); !info.Mode().IsRegular() || now != r.listed {
		return ErrReplaced
	}
	return nil
}
