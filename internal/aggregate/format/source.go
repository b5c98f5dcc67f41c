// Opens input files: plain, compressed, or several in an archive; distinguishes disk errors from damaged content.

package format

import (
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/klauspost/compress/zstd"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/failure"
)

// Limits of archives, because a few bytes may expand to many.
const (
	maxMembers  = 10_000
	maxUnpacked = 16 << 30 // bytes of all members together
	maxName     = 4096     // bytes of a member's name
)

// Magic numbers of packed files.
var (
	zipMagic, emptyZipMagic = []byte("PK\x03\x04"), []byte("PK\x05\x06")
	gzipMagic               = []byte{0x1f, 0x8b}
	zstdMagic               = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

func isArchive(head []byte) bool {
	return bytes.HasPrefix(head, zipMagic) || bytes.HasPrefix(head, emptyZipMagic)
}

// Part is a part of a file: the file itself, its unpacked content, or a member of an archive.
type Part struct {
	Name string
	Err  error // why nothing of it can be read; nil if it can
	In   io.Reader
	head []byte // the first bytes, for detecting the format
}

// EachPart passes on the parts of a file, which are named after name, until read returns an error. A disk error is an
// error of EachPart, however the format reader reported it.
func (o Opener) EachPart(file, name string, read func(Part) error) error {
	f, err := o.open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	err = unpack(f, name, func(p Part) error {
		if err := read(p); err != nil {
			return err
		}
		return f.failed
	})
	if f.failed != nil {
		return fmt.Errorf("read %s: %w", file, f.failed)
	}
	return err
}

func unpack(f *diskFile, name string, read func(Part) error) error {
	magic := make([]byte, 4)
	n, err := f.ReadAt(magic, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch magic = magic[:n]; {
	case isArchive(magic):
		return eachMember(f, name, read)
	case bytes.HasPrefix(magic, gzipMagic):
		unpacked, err := gzip.NewReader(f)
		if err != nil {
			return read(unreadable(name, "unpack: %w", err))
		}
		return peekPart(name, limited(unpacked, new(int64(maxUnpacked))), read)
	case bytes.HasPrefix(magic, zstdMagic):
		unpacked, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(128<<20))
		if err != nil {
			return read(unreadable(name, "unpack: %w", err))
		}
		defer unpacked.Close()
		return peekPart(name, limited(unpacked, new(int64(maxUnpacked))), read)
	}
	return peekPart(name, f, read)
}

func eachMember(f *diskFile, name string, read func(Part) error) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read %s: %w", name, withoutPath(err))
	}
	archive, err := zip.NewReader(f, info.Size())
	if err != nil {
		return read(unreadable(name, "unpack: %w", err))
	}
	if len(archive.File) > maxMembers {
		return read(unreadable(name, "the archive has %d files: at most %d are read", len(archive.File), maxMembers))
	}
	if slices.ContainsFunc(archive.File, isOfficePart) {
		return read(unreadable(name, "it is a spreadsheet or another office document: save the sheet as CSV"))
	}
	left, empty := int64(maxUnpacked), true
	for _, member := range archive.File {
		if member.FileInfo().IsDir() || isHidden(member.Name) {
			continue
		}
		empty = false
		if len(member.Name) > maxName {
			if err := read(unreadable(name+"/"+statement.Brief(member.Name, statement.MaxValueLength), "its name in the archive has more than %d bytes", maxName)); err != nil {
				return err
			}
			continue
		}
		if err := readMember(name+"/"+member.Name, member, &left, read); err != nil {
			return err
		}
	}
	if empty {
		return read(unreadable(name, "the archive holds no file"))
	}
	return nil
}

// isOfficePart reports whether only office documents have the member: those of Microsoft, or OpenDocument.
func isOfficePart(member *zip.File) bool {
	return member.Name == "[Content_Types].xml" || member.Name == "META-INF/manifest.xml"
}

// encryptedFlag is the flag of a member that a password protects.
const encryptedFlag = 1

func readMember(name string, member *zip.File, left *int64, read func(Part) error) error {
	if member.Flags&encryptedFlag != 0 {
		return read(unreadable(name, "a password protects the archive; unpack it, and import its files"))
	}
	in, err := member.Open()
	if err != nil {
		return read(unreadable(name, "unpack: %w", err))
	}
	defer in.Close()
	return peekPart(name, limited(in, left), read)
}

// isHidden reports whether archivers added the member.
func isHidden(name string) bool {
	return strings.HasPrefix(path.Base(name), ".") || strings.HasPrefix(name, "__MACOSX/")
}

// peekPart peeks the bytes by which the format is detected. A read error returns when the rest is read, unless nothing can be read at all.
func peekPart(name string, in io.Reader, read func(Part) error) error {
	buffered := statement.Buffer(in)
	defer statement.Release(buffered)
	head, err := buffered.Peek(statement.Window)
	if len(head) == 0 && err != nil && !errors.Is(err, io.EOF) {
		return read(Part{Name: name, Err: failure.Wrap(failure.Data, err)})
	}
	return read(Part{Name: name, In: buffered, head: head})
}

// unreadable is a part of which nothing can be read because of an error in the file.
func unreadable(name, format string, args ...any) Part {
	return Part{Name: name, Err: statement.Refuse(statement.Place{Line: 1, Column: 1}, "%v", fmt.Errorf(format, args...))}
}

// limited limits what an archive unpacks to; left is shared by its members.
func limited(in io.Reader, left *int64) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if *left <= 0 {
			return 0, statement.Refuse(statement.Place{Line: 1, Column: 1}, "the archive unpacks to more than %d GiB", maxUnpacked>>30)
		}
		n, err := in.Read(p[:min(int64(len(p)), *left)])
		*left -= int64(n)
		if err != nil && !errors.Is(err, io.EOF) {
			err = unreadable("", "unpack: %w", err).Err
		}
		return n, err
	})
}

type readerFunc func(p []byte) (int, error)

func (read readerFunc) Read(p []byte) (int, error) { return read(p) }

// WithContext returns a reader that fails once the context is done, and reports the bytes that are read to progress,
// which may be nil.
func WithContext(ctx context.Context, in io.Reader, progress func(bytes int64)) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		n, err := in.Read(p)
		if progress != nil {
			progress(int64(n))
		}
		return n, err
	})
}

// SourceFile is an open file.
type SourceFile interface {
	io.Reader
	io.ReaderAt
	io.Closer
	Stat() (fs.FileInfo, error)
}

// diskFile is an input file that remembers its first disk error. A disk error says nothing about the content, so that
// it is Transient; readers of archives and formats report it like damaged content.
type diskFile struct {
	SourceFile
	failed error // the first disk error
}

// Opener opens input files. Its zero value opens files on disk.
type Opener struct {
	OpenFile func(path string) (SourceFile, error)
}

// Open opens an input file.
func (o Opener) Open(path string) (io.ReadCloser, error) { return o.open(path) }

func (o Opener) open(path string) (*diskFile, error) {
	open := o.OpenFile
	if open == nil { // O_NONBLOCK: if the file was replaced by a pipe, opening must not wait for its other end
		open = func(path string) (SourceFile, error) { return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) }
	}
	f, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, withoutPath(err))
	}
	return &diskFile{SourceFile: f}, nil
}

func (o *diskFile) Read(p []byte) (int, error) {
	n, err := o.SourceFile.Read(p)
	return n, o.remember(err)
}

// ReadAt is used for archives.
func (o *diskFile) ReadAt(p []byte, at int64) (int, error) {
	n, err := o.SourceFile.ReadAt(p, at)
	return n, o.remember(err)
}

func (o *diskFile) remember(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	err = failure.Wrap(failure.Transient, withoutPath(err))
	o.failed = cmp.Or(o.failed, err)
	return err
}

// withoutPath removes the path from a system error: callers add the file's name as it was given.
func withoutPath(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
