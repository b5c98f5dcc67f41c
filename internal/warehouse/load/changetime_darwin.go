// When a file was changed last, as the file system says: nobody can set this time, unlike that of the modification.

package load

import (
	"io/fs"
	"syscall"
	"time"
)

// changeTime returns the time in microseconds since 1970, or 0 if it is not known.
func changeTime(info fs.FileInfo) int64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(s.Ctimespec.Unix()).UnixMicro()
	}
	return 0
}
