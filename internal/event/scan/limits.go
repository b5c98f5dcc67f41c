// What a compressed file may become: a few bytes of it may unpack to more than any disk holds.

package scan

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// Limits bounds what one compressed file unpacks to.
type Limits struct {
	Unpacked int64 // bytes that are read of it
	Free     int64 // bytes that the disk which it is unpacked to keeps free, for all others who write there
}

// DefaultLimits are far above what one file of events holds: an inbox takes files of any number.
var DefaultLimits = Limits{Unpacked: 64 << 30, Free: 1 << 30}

// spaceCheckBytes is how many bytes are unpacked between two looks at the free space.
const spaceCheckBytes = 16 << 20

// Unpack writes what a decompressor gives into a file, and returns its size.
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

// checkFreeSpace reports that the disk which a file lies on has no more room than is to be kept free.
func (l Limits) checkFreeSpace(file *os.File) error {
	var disk syscall.Statfs_t
	if err := syscall.Fstatfs(int(file.Fd()), &disk); err != nil {
		return fmt.Errorf("read free space: %w", err)
	}
	if free := disk.Bavail * uint64(disk.Bsize); free < uint64(l.Free) {
		return fmt.Errorf("the unpacked file leaves less than %s free on the disk of %s: make room, and take it in again", inUnits(l.Free), file.Name())
	}
	return nil
}

// bound reads as much of a decompressor as the limits allow.
func (l Limits) bound(in io.Reader) io.Reader {
	return &bounded{in: in, left: l.Unpacked, limit: l.Unpacked}
}

type bounded struct {
	in          io.Reader
	left, limit int64
}

// Read asks for a byte more than may be left: only that shows whether the file ends there.
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

// inUnits writes a number of bytes for people.
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
