// Files as they are handed in: alone, compressed, or several in an archive.

package aggregate

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"bursar/internal/aggregate/statement"
	"bursar/internal/failure"

	"github.com/klauspost/compress/zstd"
)

// Limits of archives: what a few bytes may become is bounded.
const (
	maxMembers  = 10_000
	maxUnpacked = 16 << 30 // bytes of all members together
)

// How packed files begin.
var (
	zipMagic, emptyZipMagic = []byte("PK\x03\x04"), []byte("PK\x05\x06")
	gzipMagic               = []byte{0x1f, 0x8b}
	zstdMagic               = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

func isArchive(head []byte) bool {
	return bytes.HasPrefix(head, zipMagic) || bytes.HasPrefix(head, emptyZipMagic)
}

func isPacked(head []byte) bool {
	return isArchive(head) || bytes.HasPrefix(head, gzipMagic) || bytes.HasPrefix(head, zstdMagic)
}

// each hands on what is to be read of a file: itself, what it unpacks to, or each member of an archive. read is given the
// name, and what a format is told by. An error of opening is returned; errors of read are its own to keep.
func each(file string, read func(name string, head []byte, in io.Reader) error) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("read %s: %w", file, errors.Unwrap(err))
	}
	defer f.Close()
	magic := make([]byte, 4)
	n, err := io.ReadFull(f, magic)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return failure.Wrap(failure.Data, fmt.Errorf("read %s: %w", file, err))
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return failure.Wrap(failure.Data, fmt.Errorf("read %s: %w", file, err))
	}
	name := filepath.Base(file)
	switch magic = magic[:n]; {
	case isArchive(magic):
		return eachMember(f, name, read)
	case bytes.HasPrefix(magic, gzipMagic):
		unpacked, err := gzip.NewReader(f)
		if err != nil {
			return read(name, nil, unreadable("unpack: %w", err))
		}
		return readPart(name, &bounded{in: unpacked, left: new(int64(maxUnpacked))}, read)
	case bytes.HasPrefix(magic, zstdMagic):
		unpacked, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(128<<20))
		if err != nil {
			return read(name, nil, unreadable("unpack: %w", err))
		}
		defer unpacked.Close()
		return readPart(name, &bounded{in: unpacked, left: new(int64(maxUnpacked))}, read)
	}
	return readPart(name, f, read)
}

// eachMember hands on the files of an archive, in its order.
func eachMember(f *os.File, name string, read func(string, []byte, io.Reader) error) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	archive, err := zip.NewReader(f, info.Size())
	if err != nil {
		return read(name, nil, unreadable("unpack: %w", err))
	}
	if len(archive.File) > maxMembers {
		return read(name, nil, unreadable("the archive has %d files: at most %d are read", len(archive.File), maxMembers))
	}
	left, empty := int64(maxUnpacked), true
	for _, member := range archive.File {
		if member.FileInfo().IsDir() || hidden(member.Name) {
			continue
		}
		empty = false
		if err := readMember(name+"/"+member.Name, member, &left, read); err != nil {
			return err
		}
	}
	if empty {
		return read(name, nil, unreadable("the archive holds no file"))
	}
	return nil
}

// encrypted is the flag of a member that a password protects.
const encrypted = 1

func readMember(name string, member *zip.File, left *int64, read func(string, []byte, io.Reader) error) error {
	if member.Flags&encrypted != 0 {
		return read(name, nil, unreadable("a password protects the archive; unpack it, and import its files"))
	}
	in, err := member.Open()
	if err != nil {
		return read(name, nil, unreadable("unpack: %w", err))
	}
	defer in.Close()
	return readPart(name, &bounded{in: in, left: left}, read)
}

// hidden tells what archivers add of their own.
func hidden(name string) bool {
	return strings.HasPrefix(path.Base(name), ".") || strings.HasPrefix(name, "__MACOSX/")
}

// readPart peeks what the format is told by. An error of reading comes again when the rest is read, but where nothing can be
// read at all.
func readPart(name string, in io.Reader, read func(string, []byte, io.Reader) error) error {
	buffered := statement.Buffer(in)
	defer statement.Release(buffered)
	head, err := buffered.Peek(statement.Window)
	if len(head) == 0 && err != nil && !errors.Is(err, io.EOF) {
		return read(name, nil, broken{err})
	}
	return read(name, head, buffered)
}

// broken is a file of which nothing can be read.
type broken struct{ err error }

// unreadable is broken for a reason that the file is to blame for.
func unreadable(format string, args ...any) broken {
	return broken{statement.Refuse(statement.Place{Line: 1, Column: 1}, "%v", fmt.Errorf(format, args...))}
}

func (b broken) Read([]byte) (int, error) { return 0, failure.Wrap(failure.Data, b.err) }

// bounded bounds what an archive unpacks to: left is shared by its members.
type bounded struct {
	in   io.Reader
	left *int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if *b.left <= 0 {
		return 0, statement.Refuse(statement.Place{Line: 1, Column: 1}, "the archive unpacks to more than %d GiB", maxUnpacked>>30)
	}
	n, err := b.in.Read(p[:min(int64(len(p)), *b.left)])
	*b.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		err = unreadable("unpack: %w", err).err
	}
	return n, err
}
