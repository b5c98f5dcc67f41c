// Sources: the uncompressed bytes of a file.

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

// maxWindow bounds the memory of a zstd stream: what the zstd tool allows without --long.
const maxWindow = 128 << 20

// source is an input and its uncompressed bytes.
type source struct {
	whole    *io.SectionReader // the input, or the unpacked file
	unpacked *os.File          // that file
	read     atomic.Int64      // bytes of the input read so far
	progress func(int64)
	reader   io.Reader
	packed   bool
	close    func()
}

func newSource(in *Input, options Options) (*source, error) {
	s := &source{whole: in.Reader(), progress: options.Progress, close: func() {}}
	if err := s.unpack(in.path); err != nil {
		return nil, &ReadError{File: in.path, Row: 1, Err: err}
	}
	return s, nil
}

// unpack adds the decompressor for the suffix. An empty file is empty in any format.
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

// counter reads the input and reports progress.
type counter struct{ s *source }

// Read reads from the input.
func (c counter) Read(p []byte) (int, error) {
	n, err := c.s.whole.Read(p)
	total := c.s.read.Add(int64(n))
	if c.s.progress != nil && n > 0 {
		c.s.progress(total)
	}
	return n, err
}
