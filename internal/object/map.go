//go:build unix

// Mapping a file into memory.

package object

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// MapFile maps a whole file for reading; free ends it. The mapping outlives the file's handle and its name.
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

// ErrCut is what reading a mapped file returns that another process has truncated meanwhile, or whose disk failed.
var ErrCut = errors.New("the file was truncated, or cannot be read, while it is mapped")

// ReadMapped runs what reads mapped files. Where the system has nothing to give, it would end the process with a signal: here
// that is ErrCut. What runs in other goroutines is not covered.
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
