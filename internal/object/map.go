//go:build unix

// Memory-mapped files.

package object

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// MapFile maps a whole file for reading until free is called. The mapping stays valid when the file is closed or removed.
func MapFile(file *os.File) (content []byte, free func() error, err error) {
	stat, err := file.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("map file: %w", err)
	}
	if stat.Size() == 0 {
		return nil, func() error { return nil }, nil
	}
	content, err = unix.Mmap(int(file.Fd()), 0, int(stat.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, fmt.Errorf("map file of %d bytes: %w", stat.Size(), err)
	}
	return content, func() error { return unix.Munmap(content) }, nil
}

// ErrCut is returned by ReadMapped if another process truncated a mapped file, or if its disk failed.
var ErrCut = errors.New("the file was truncated, or cannot be read, while it is mapped")

// ReadMapped calls read, which reads mapped files. A read error would end the process with a signal; ReadMapped returns ErrCut
// instead. Reads in other goroutines are not covered.
func ReadMapped(read func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		cause := recover()
		if _, isFault := cause.(interface{ Addr() uintptr }); isFault {
			err = ErrCut
		} else if cause != nil {
			panic(cause)
		}
	}()
	return read()
}
