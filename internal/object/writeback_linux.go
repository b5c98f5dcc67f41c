// Early writeback: the kernel starts writing an object's blocks to the disk before the fsync at commit.

package object

import (
	"os"

	"golang.org/x/sys/unix"
)

// startWriting is only an optimization: durability comes from the fsync at commit, so its errors are ignored.
func startWriting(file *os.File, offset, size int64) {
	_ = unix.SyncFileRange(int(file.Fd()), offset, size, unix.SYNC_FILE_RANGE_WRITE)
}
