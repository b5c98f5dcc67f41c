// Reads files on disk and distinguishes disk errors from damaged content.

package format

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"bursar/internal/failure"
)

// SourceFile is an open file.
type SourceFile interface {
	io.Reader
	io.ReaderAt
	io.Closer
	Stat() (fs.FileInfo, error)
}

// diskFile is an input file that remembers its first disk error. A disk error says nothing about the content, so that
// it is Transient; readers of archives and formats report it like damaged content.
type diskFile struct {
	SourceFile
	failed error // the first disk error
}

// openFile opens a file. O_NONBLOCK: if the file was replaced by a pipe, opening must not wait for its other end.
func openFile(path string) (SourceFile, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// Opener opens input files. Its zero value opens files on disk.
type Opener struct {
	OpenFile func(path string) (SourceFile, error)
}

// Open opens an input file.
func (o Opener) Open(path string) (io.ReadCloser, error) { return o.open(path) }

func (o Opener) open(path string) (*diskFile, error) {
	open := openFile
	if o.OpenFile != nil {
		open = o.OpenFile
	}
	f, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, withoutPath(err))
	}
	return &diskFile{SourceFile: f}, nil
}

func (o *diskFile) Read(p []byte) (int, error) {
	n, err := o.SourceFile.Read(p)
	return n, o.remember(err)
}

// ReadAt is used for archives.
func (o *diskFile) ReadAt(p []byte, at int64) (int, error) {
	n, err := o.SourceFile.ReadAt(p, at)
	return n, o.remember(err)
}

func (o *diskFile) remember(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	err = failure.Wrap(failure.Transient, withoutPath(err))
	o.failed = cmp.Or(o.failed, err)
	return err
}

// withoutPath removes the path from a system error: callers add the file's name as it was given.
func withoutPath(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
