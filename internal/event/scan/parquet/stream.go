// What the library reads pages from, and the memory it reads them into.

package parquet

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow/memory"
	format "github.com/apache/arrow-go/v18/parquet"
)

// chunkStream reads the bytes of a column chunk. The library's own stream returns stale bytes after its end, and the library does not check whether a page is
// complete.
type chunkStream struct {
	format.BufferedReader
	left  int64
	short bool // more was requested than there is
}

// Peek returns the next n bytes, or as many as are left, without consuming them.
func (s *chunkStream) Peek(n int) ([]byte, error) {
	if n = int(min(int64(n), s.left)); n <= 0 {
		return nil, io.EOF
	}
	return s.BufferedReader.Peek(n)
}

// Discard skips n bytes.
func (s *chunkStream) Discard(n int) (int, error) {
	n, err := s.BufferedReader.Discard(int(min(int64(n), s.left)))
	s.left -= int64(n)
	return n, err
}

// Read fills p, or reads what is left of the chunk. The library unpacks a page from a buffer that moves to other memory while it reads in
// pieces: the end of the page would be that of an earlier one.
func (s *chunkStream) Read(p []byte) (int, error) {
	if s.left == 0 && len(p) > 0 {
		s.short = true
		return 0, io.EOF
	}
	n, err := io.ReadFull(s.BufferedReader, p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	s.short = s.short || err != nil
	return n, err
}

// pageAllocator allocates memory for pages, whose sizes the file states. An impossible size panics, as the library does for unreadable input.
type pageAllocator struct {
	memory.Allocator
	limit int
}

// Allocate returns size bytes.
func (m *pageAllocator) Allocate(size int) []byte {
	m.check(size)
	return m.Allocator.Allocate(size)
}

// Reallocate returns size bytes that begin with b.
func (m *pageAllocator) Reallocate(size int, b []byte) []byte {
	m.check(size)
	return m.Allocator.Reallocate(size, b)
}

func (m *pageAllocator) check(size int) {
	if size < 0 || size > m.limit {
		panic(fmt.Errorf("a page of %d bytes", size))
	}
}
