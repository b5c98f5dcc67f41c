// Limits of compressed files: a few bytes may unpack to more than a disk can store.

package scan

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// Limits bounds what one compressed file may unpack to.
type Limits struct {
	Unpacked int64 // unpacked bytes that may be read
	Free     int64 // bytes that must stay free on the disk it is unpacked to
}

// DefaultLimits are far above what a file of events contains.
var DefaultLimits = Limits{Unpacked: 64 << 30, Free: 1 << 30}

// spaceCheckBytes is how many bytes are unpacked between two checks of the free space.
const spaceCheckBytes = 16 << 20

// Unpack writes the output of a decompressor to a file, and returns its size.
func (l Limits) Unpack(to *os.File, from io.Reader) (size int64, err error) {
	from = l.bound(from)
	for {
		if err := l.checkFreeSpace(to); err != nil {
			return size, err
		}
		n, err := io.CopyN(to, from, spaceCheckBytes)
		if size += n; errors.Is(err, io.EOF) {
			return size, nil
		}
		if err != nil {
			return size, err
		}
	}
}

// UnpackFile writes the output of a decompressor to a new temporary file, for readers that need random access. The caller removes the file.
func (l Limits) UnpackFile(dir string, from io.Reader) (file *os.File, size int64, err error) {
	if file, err = os.CreateTemp(dir, "bursar-parquet-*"); err != nil {
		return nil, 0, fmt.Errorf("unpack: %w", err)
	}
	if size, err = l.Unpack(file, from); err != nil {
		return nil, 0, errors.Join(fmt.Errorf("unpack: %w", err), file.Close(), os.Remove(file.Name()))
	}
	return file, size, nil
}

// checkFreeSpace fails if less space is free on a file's disk than must stay free.
func (l Limits) checkFreeSpace(file *os.File) error {
	var disk syscall.Statfs_t
	if err := syscall.Fstatfs(int(file.Fd()), &disk); err != nil {
		return fmt.Errorf("read free space: %w", err)
	}
	if free := disk.Bavail * uint64(disk.Bsize); free < uint64(l.Free) {
		return fmt.Errorf("the unpacked file leaves less than %s free on the disk of %s: free some space and ingest it again", inUnits(l.Free), file.Name())
	}
	return nil
}

// bound limits how much is read of a decompressor.
func (l Limits) bound(in io.Reader) io.Reader {
	return &bounded{in: in, left: l.Unpacked, limit: l.Unpacked}
}

type bounded struct {
	in          io.Reader
	left, limit int64
}

// Read requests one byte more than is allowed, to see whether the file ends at the limit.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, b.tooLarge()
	}
	n, err := b.in.Read(p[:min(int64(len(p)), b.left+1)])
	if b.left -= int64(n); b.left < 0 {
		return n - 1, b.tooLarge()
	}
	return n, err
}

func (b *bounded) tooLarge() error {
	return fmt.Errorf("it unpacks to more than %s: split it into several files", inUnits(b.limit))
}

// inUnits formats a number of bytes.
func inUnits(n int64) string {
	for _, unit := range []struct {
		name  string
		shift int
	}{{"GiB", 30}, {"MiB", 20}, {"KiB", 10}} {
		if n >= 1<<unit.shift && n%(1<<unit.shift) == 0 {
			return fmt.Sprintf("%d %s", n>>unit.shift, unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
