// Sources: a file's bytes, uncompressed.

package scan

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow is the most memory a zstd stream may ask for: what its own tool allows without --long.
const maxWindow = 128 << 20

// source is an open file and its uncompressed bytes.
type source struct {
	file     *os.File
	read     atomic.Int64 // bytes of the file read so far
	progress func(int64)
	reader   io.Reader
	packed   bool
	close    func()
}

func openSource(path string, options Options) (*source, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open input: %w", err)
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = errors.New("it is a directory")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open input %s: %w", path, err), file.Close())
	}
	s := &source{file: file, progress: options.Progress, close: func() {}}
	if err := s.unpack(path); err != nil {
		return nil, errors.Join(&ReadError{File: path, Row: 1, Err: err}, s.Close())
	}
	return s, nil
}

// unpack puts the decompressor that the suffix asks for before the file. An empty file holds nothing in any format.
func (s *source) unpack(path string) error {
	s.reader = counter{s}
	gz, zst := strings.HasSuffix(path, ".gz"), strings.HasSuffix(path, ".zst")
	if !gz && !zst {
		return nil
	}
	in := bufio.NewReaderSize(counter{s}, 1<<17)
	s.reader, s.packed = in, true
	if _, err := in.Peek(1); errors.Is(err, io.EOF) {
		return nil
	}
	if gz {
		r, err := gzip.NewReader(in)
		if err != nil {
			return fmt.Errorf("decompress gzip: %w", err)
		}
		s.reader = r
		return nil
	}
	r, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return fmt.Errorf("decompress zstd: %w", err)
	}
	s.reader, s.close = r, r.Close
	return nil
}

// Close gives the file and the decompressor back.
func (s *source) Close() error {
	s.close()
	return s.file.Close()
}

// counter reads the file itself and tells how far it is.
type counter struct{ s *source }

// Read reads from the file.
func (c counter) Read(p []byte) (int, error) {
	n, err := c.s.file.Read(p)
	total := c.s.read.Add(int64(n))
	if c.s.progress != nil && n > 0 {
		c.s.progress(total)
	}
	return n, err
}
