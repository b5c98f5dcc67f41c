// Detects files that a process has open for writing, by leases.

package inbox

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// openFile opens a regular file: not through a link, and without waiting for the other end of a pipe.
func openFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
}

// isOpenForWriting reports whether a process has the file open for writing: the system then refuses a read lease. If it grants no leases
// at all (network file systems, files of other users), this is unknown, and the file only has to be stable.
func isOpenForWriting(file *os.File) bool {
	_, err := unix.FcntlInt(file.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	if err == nil {
		_, err = unix.FcntlInt(file.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	}
	return errors.Is(err, unix.EAGAIN)
}
