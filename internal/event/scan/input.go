// Inputs: regular files, opened once for several readers.

package scan

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"bursar/internal/failure"
)

// Input is an open file. Several goroutines may read it, each with its own reader.
type Input struct {
	path string
	file *os.File
	info fs.FileInfo
}

// Stat describes the file of an input. Anything but a regular file is an error of class Data: a pipe can be read only once.
func Stat(path string) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		if at, is := errors.AsType[*fs.PathError](err); is {
			err = at.Err
		}
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return info, checkRegular(path, info)
}

func checkRegular(path string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	reason := "it is a device, not a file"
	switch mode := info.Mode(); {
	case mode.IsDir():
		return failure.Wrap(failure.Data, fmt.Errorf("read %s: it is a directory; name the files in it", path))
	case mode&fs.ModeNamedPipe != 0:
		reason = "it is a pipe, not a file"
	case mode&fs.ModeSocket != 0:
		reason = "it is a socket, not a file"
	}
	return failure.Wrap(failure.Data, fmt.Errorf("read %s: %s, and can be read only once: write it to a file first, or send it over HTTP", path, reason))
}

// OpenInput opens a regular file.
func OpenInput(path string) (*Input, error) {
	if _, err := Stat(path); err != nil {
		return nil, err
	}
	// If a pipe replaced it meanwhile, opening it must not wait for the other end.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open input: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		err = fmt.Errorf("open input: %w", err)
	} else {
		err = checkRegular(path, info)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &Input{path, file, info}, nil
}

// Size returns the size of the file in bytes.
func (in *Input) Size() int64 { return in.info.Size() }

// Reader reads the file up to the size it had when it was opened.
func (in *Input) Reader() *io.SectionReader { return io.NewSectionReader(in.file, 0, in.Size()) }

// Unchanged returns an error if the file was written to since it was opened: it is then unknown what was read.
func (in *Input) Unchanged() error {
	info, err := in.file.Stat()
	if err != nil {
		return fmt.Errorf("read %s: %w", in.path, err)
	}
	if info.Size() != in.info.Size() || !info.ModTime().Equal(in.info.ModTime()) {
		return failure.Wrap(failure.Transient, fmt.Errorf("read %s: the file changed while it was read: ingest it when nobody writes it any longer", in.path))
	}
	return nil
}

// Close closes the file.
func (in *Input) Close() error { return in.file.Close() }
