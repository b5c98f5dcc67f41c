// ahead_linux.go starts writing to the disk before the commit asks for it.

package object

import (
	"os"

	"golang.org/x/sys/unix"
)

// startWriting only hurries: durability comes from the fsync at commit, so its failure means nothing.
func startWriting(file *os.File, offset, size int64) {
	_ = unix.SyncFileRange(int(file.Fd()), offset, size, unix.SYNC_FILE_RANGE_WRITE)
}
