// Sources: regular files, opened once for several readers, and their uncompressed bytes, within limits, unless they are in another format.

package scan

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"bursar/internal/failure"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds the memory of a zstd stream: what the zstd tool allows without --long.
const maxWindow = 128 << 20

// source is an input and its uncompressed bytes.
type source struct {
	whole    *io.SectionReader // the input, or the unpacked file
	unpacked *os.File          // that file
	reader   io.Reader
	packed   bool
	close    func()
}

func newSource(in *Input, options Options) (*source, error) {
	s := &source{whole: in.Reader()}
	var err error
	if s.reader, s.packed, s.close, err = Unpack(&counter{in: s.whole, progress: options.Progress, tee: options.Tee}, in.path); err != nil {
		return nil, &ReadError{File: in.path, Row: 1, Err: err}
	}
	return s, nil
}

// Unpack adds the decompressor for the suffix of a path, and reports whether there is one. Call done after reading. An empty file is empty
// in any format.
func Unpack(file io.Reader, path string) (out io.Reader, packed bool, done func(), err error) {
	done = func() {}
	gz, zst := strings.HasSuffix(path, ".gz"), strings.HasSuffix(path, ".zst")
	if !gz && !zst {
		return file, false, done, nil
	}
	in := bufio.NewReaderSize(file, 1<<17)
	if _, err := in.Peek(1); errors.Is(err, io.EOF) {
		return in, true, done, nil
	}
	if gz {
		r, err := gzip.NewReader(in)
		if err != nil {
			return nil, true, done, fmt.Errorf("decompress gzip: %w", err)
		}
		return r, true, done, nil
	}
	r, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, true, done, fmt.Errorf("decompress zstd: %w", err)
	}
	return r, true, r.Close, nil
}

// FirstLine reads the first line of a file, unpacked by its suffix, up to 64 KiB of it.
func FirstLine(path string) ([]byte, error) {
	in, err := OpenInput(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	s, err := newSource(in, Options{})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	line, err := bufio.NewReader(io.LimitReader(s.reader, 1<<16)).ReadBytes('\n')
	if errors.Is(err, io.EOF) { // a line without an end is one too
		err = nil
	}
	return line, err
}

// Close closes the decompressor and the unpacked file.
func (s *source) Close() error {
	s.close()
	if s.unpacked == nil {
		return nil
	}
	return s.unpacked.Close()
}

// counter reads an input and reports the bytes read so far.
type counter struct {
	in       io.Reader
	total    int64
	progress func(int64)
	tee      io.Writer
}

// Read reads from the input.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	if c.tee != nil && n > 0 {
		if _, err := c.tee.Write(p[:n]); err != nil {
			return n, err
		}
	}
	if c.total += int64(n); c.progress != nil && n > 0 {
		c.progress(c.total)
	}
	return n, err
}

// Limits bounds what one compressed file may unpack to.
type Limits struct {
	Unpacked int64 // unpacked bytes that may be read
	Free     int64 // bytes that must stay free on the disk it is unpacked to
}

// DefaultLimits are far above what a file of events contains.
var DefaultLimits = Limits{Unpacked: 64 << 30, Free: 1 << 30}

// spaceCheckBytes is how many bytes are unpacked between two checks of the free space.
const spaceCheckBytes = 16 << 20

// UnpackFile writes the output of a decompressor to a new temporary file, for readers that need random access, and returns its size. The
// caller removes the file.
func (l Limits) UnpackFile(dir string, from io.Reader) (file *os.File, size int64, err error) {
	if file, err = os.CreateTemp(dir, "bursar-parquet-*"); err != nil {
		return nil, 0, fmt.Errorf("unpack: %w", err)
	}
	from = &bounded{in: from, left: l.Unpacked, limit: l.Unpacked}
	for err == nil {
		if err = l.checkFreeSpace(file); err == nil {
			var n int64
			n, err = io.CopyN(file, from, spaceCheckBytes)
			size += n
		}
	}
	if !errors.Is(err, io.EOF) {
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

// bounded limits how much is read of a decompressor.
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

func inUnits(n int64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB"}
	for n >= 1<<10 && n%(1<<10) == 0 && len(units) > 1 {
		n, units = n>>10, units[1:]
	}
	return fmt.Sprintf("%d %s", n, units[0])
}

// foreign are the first bytes of files in other formats, and what to do about them.
var foreign = []struct{ prefix, advice string }{
	{"\x1f\x8b", "the file is compressed with gzip: name it .gz"},
	{"\x28\xb5\x2f\xfd", "the file is compressed with zstd: name it .zst"},
	{"PAR1", "the file is Parquet: declare format parquet"},
	{"PK\x03\x04", "the file is a spreadsheet or a zip archive: save the sheet as CSV, or unpack the archive"},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "the file is a spreadsheet or document of an office program: save the sheet as CSV"},
	{"%PDF-", "the file is PDF: get the data as CSV or JSON lines from its source"},
}

// ForeignFormat returns what to do about a file of another format, given its first bytes; "" if it may be text.
func ForeignFormat(begins []byte) (advice string) {
	for _, f := range foreign {
		if strings.HasPrefix(string(begins[:min(len(begins), 8)]), f.prefix) {
			return f.advice
		}
	}
	return ""
}

// Input is an open file, or another one that is read by range. Several goroutines may read it, each with its own reader.
type Input struct {
	path string
	from io.ReaderAt
	size int64
	file *os.File    // nil if it is not a file
	info fs.FileInfo // of file
}

// InputFrom returns an input of a size that somebody else has opened and closes.
func InputFrom(name string, from io.ReaderAt, size int64) *Input {
	return &Input{path: name, from: from, size: size}
}

// Stat describes the file of an input. Anything but a regular file is an error of class Data: a pipe can be read only once.
func Stat(path string) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		if at, is := errors.AsType[*fs.PathError](err); is {
			err = at.Err
		}
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return info, checkRegular(path, info)
}

func checkRegular(path string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	reason := "it is a device, not a file"
	switch mode := info.Mode(); {
	case mode.IsDir():
		return failure.Wrap(failure.Data, fmt.Errorf("read %s: it is a directory; name the files in it", path))
	case mode&fs.ModeNamedPipe != 0:
		reason = "it is a pipe, not a file"
	case mode&fs.ModeSocket != 0:
		reason = "it is a socket, not a file"
	}
	return failure.Wrap(failure.Data, fmt.Errorf("read %s: %s, and can be read only once: write it to a file first, or send it over HTTP", path, reason))
}

// OpenInput opens a regular file.
func OpenInput(path string) (*Input, error) {
	if _, err := Stat(path); err != nil {
		return nil, err
	}
	// If a pipe replaced it meanwhile, opening it must not wait for the other end.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open input: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		err = fmt.Errorf("open input: %w", err)
	} else {
		err = checkRegular(path, info)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &Input{path, file, info.Size(), file, info}, nil
}

// Size returns the size of the file in bytes.
func (in *Input) Size() int64 { return in.size }

// Reader reads the file up to the size it had when it was opened.
func (in *Input) Reader() *io.SectionReader { return io.NewSectionReader(in.from, 0, in.Size()) }

// Unchanged returns an error if the file was written to since it was opened: it is then unknown what was read.
func (in *Input) Unchanged() error {
	if in.file == nil {
		return nil
	}
	info, err := in.file.Stat()
	if err != nil {
		return fmt.Errorf("read %s: %w", in.path, err)
	}
	if info.Size() != in.info.Size() || !info.ModTime().Equal(in.info.ModTime()) {
		return failure.Wrap(failure.Transient, fmt.Errorf("read %s: the file changed while it was read: ingest it when nobody writes it any longer", in.path))
	}
	return nil
}

// Close closes a file that OpenInput has opened.
func (in *Input) Close() error {
	if in.file == nil {
		return nil
	}
	return in.file.Close()
}
