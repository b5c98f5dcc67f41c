// Files on the disk, of which not all may be readable at the moment.

package aggregate

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

// sourceFile is an open file.
type sourceFile interface {
	io.Reader
	io.ReaderAt
	io.Closer
	Stat() (fs.FileInfo, error)
}

// diskFile is a file as it was handed in. What the disk cannot give says nothing of the file's content, so that such an error
// is Transient; it is remembered, as those who unpack and read formats cannot tell it from damaged content.
type diskFile struct {
	sourceFile
	failed error // the first error of the disk
}

// openFile opens a file. Should a pipe have taken its place, opening it must not wait for the other end.
func openFile(path string) (sourceFile, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// openSource opens a file.
func (im *Importer) openSource(path string) (*diskFile, error) {
	open := openFile
	if im.open != nil {
		open = im.open
	}
	f, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, withoutPath(err))
	}
	return &diskFile{sourceFile: f}, nil
}

func (o *diskFile) Read(p []byte) (int, error) {
	n, err := o.sourceFile.Read(p)
	return n, o.remember(err)
}

// ReadAt is what archives are read by.
func (o *diskFile) ReadAt(p []byte, at int64) (int, error) {
	n, err := o.sourceFile.ReadAt(p, at)
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

// withoutPath is an error of the system without the file's name: those who pass it on name the file as it was handed in.
func withoutPath(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
