//go:build unix

// Mapping a file into memory.

package object

import (
	"fmt"
	"os"

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
