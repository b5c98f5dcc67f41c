// What the library reads pages from and into, and their compression: a page unpacks to exactly the size in its header.

package parquet

import (
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow/memory"
	format "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

// chunkStream reads the bytes of a column chunk. The library's own stream returns stale bytes after its end, and the library does not
// check whether a page is complete.
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

// The library looks codecs up in a registry that may only be changed here, before anything is read.
func init() {
	for _, kind := range []compress.Compression{
		compress.Codecs.Uncompressed, compress.Codecs.Snappy, compress.Codecs.Gzip, compress.Codecs.Brotli, compress.Codecs.Zstd, compress.Codecs.Lz4Raw,
	} {
		if codec, err := compress.GetCodec(kind); err == nil {
			compress.RegisterCodec(kind, exactCodec{Codec: codec, kind: kind})
		}
	}
}

// exactCodec unpacks to exactly the requested size. The library's codecs allocate what the packed bytes state, up to 64 GiB, or without
// limit for an empty page; and the library accepts a shorter result, completed by old content of its buffer, as a whole page.
type exactCodec struct {
	compress.Codec
	kind compress.Compression
}

// Decode unpacks src to dst, and panics if it cannot, as the library's codecs do.
func (c exactCodec) Decode(dst, src []byte) []byte {
	var got []byte
	var err error
	switch {
	case len(dst) == 0:
		return dst
	case c.kind == compress.Codecs.Uncompressed:
		got = dst[:copy(dst, src):len(dst)]
	case c.kind == compress.Codecs.Zstd:
		got, err = decodeZstd(dst, src)
	case c.kind == compress.Codecs.Snappy:
		var n int
		if n, err = snappy.DecodedLen(src); err == nil && n != len(dst) {
			err = fmt.Errorf("it unpacks to %d bytes", n)
		}
		if err == nil {
			got = c.Codec.Decode(dst, src)
		}
	default:
		got = c.Codec.Decode(dst, src)
	}
	if err == nil && len(got) != len(dst) {
		err = fmt.Errorf("it unpacks to %d bytes", len(got))
	}
	if err != nil {
		panic(fmt.Errorf("a page of %d bytes: %w", len(dst), err))
	}
	return got
}

func decodeZstd(dst, src []byte) ([]byte, error) {
	if errZstd != nil {
		return nil, errZstd
	}
	got, err := zstdPages.DecodeAll(src, dst[:0:len(dst)])
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		return nil, errors.New("it unpacks to more")
	}
	return got, err
}

// zstdPages unpacks only into the given memory. DecodeAll may be called from several goroutines.
var zstdPages, errZstd = zstd.NewReader(nil, zstd.WithDecodeAllCapLimit(true))
