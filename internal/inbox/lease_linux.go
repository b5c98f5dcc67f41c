package inbox

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// openFile opens a file that is one: not through a link, and without waiting for the other end of a pipe.
func openFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
}

// isOpenForWriting reports whether a process has the file open for writing: the system gives no read lease then. Where it gives
// none at all (network file systems, files of other users), nothing is known, and settling has to do.
func isOpenForWriting(file *os.File) bool {
	_, err := unix.FcntlInt(file.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	if err == nil {
		_, err = unix.FcntlInt(file.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	}
	return errors.Is(err, unix.EAGAIN)
}
