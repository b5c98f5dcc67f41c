// Column chunks of Parquet files, with bounded memory.

package scan

import (
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
)

// maxPage bounds the bytes of a page of a small file, packed or not. Writers make pages of 8 KiB to 100 MB.
const maxPage = 1 << 28

// maxRepeated bounds the bytes of a batch in which a dictionary repeats a value. Batches are made smaller for declared columns; other columns are only read
// for the text of rejected rows.
const maxRepeated = 1 << 30

// chunkStream reads the bytes of a column chunk. The library's own stream returns stale bytes after its end, and the library does not check whether a page is
// complete.
type chunkStream struct {
	parquet.BufferedReader
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

// Read reads the next bytes.
func (s *chunkStream) Read(p []byte) (int, error) {
	if s.left == 0 && len(p) > 0 {
		s.short = true
		return 0, io.EOF
	}
	n, err := s.BufferedReader.Read(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
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

// leaf opens leaf i at its first page, and so at its dictionary. The reader is made as in the library, but from validated pages.
func (g *group) leaf(i int) (*leaf, error) {
	if l := g.leaves[i]; l != nil {
		return l, nil
	}
	name := g.feed.shapes[i].column
	if g.reader == nil {
		g.reader = g.feed.reader.RowGroup(g.index)
	}
	pages, err := g.openPages(i)
	if err != nil {
		return nil, fmt.Errorf("open column %q: %w", name, err)
	}
	//nolint:staticcheck // the library has no other seam between pages and decoders
	reader := file.NewColumnReader(pages.leaf, pages, g.feed.properties.Allocator(), g.feed.reader.BufferPool())
	if !reader.HasNext() && reader.Err() != nil {
		return nil, fmt.Errorf("read column %q: %w", name, reader.Err())
	}
	g.leaves[i] = &leaf{shape: &g.feed.shapes[i], reader: reader, pages: pages, start: -1}
	return g.leaves[i], nil
}

// openPages opens the pages of a column chunk at the position in its metadata, as the library does.
func (g *group) openPages(i int) (*validatedPages, error) {
	meta := g.feed.reader.MetaData()
	chunk, err := g.reader.MetaData().ColumnChunk(i)
	switch {
	case err != nil:
		return nil, err
	case chunk.CryptoMetadata() != nil:
		return nil, errors.New("it is encrypted")
	}
	start, size := chunk.DataPageOffset(), chunk.TotalCompressedSize()
	if at := chunk.DictionaryPageOffset(); chunk.HasDictionaryPage() && at > 0 && at < start {
		start = at
	}
	whole := meta.GetSourceFileSize()
	if start < 0 || size < 0 || start > whole || size > whole-start {
		return nil, fmt.Errorf("it is said to be %d bytes from byte %d on, in a file of %d bytes", size, start, whole)
	}
	if meta.WriterVersion().LessThan(metadata.Parquet816FixedVersion) {
		size += min(maxOldHeader, whole-start-size)
	}
	inner, err := g.feed.properties.GetStream(g.feed.file.source.whole, start, size)
	if err != nil {
		return nil, err
	}
	stream := &chunkStream{BufferedReader: inner, left: size}
	//nolint:staticcheck // the library has no other seam between a file and its pages
	pages, err := file.NewPageReader(stream, chunk.NumValues(), chunk.Compression(), g.feed.properties.Allocator(), nil)
	if err != nil {
		return nil, err
	}
	return &validatedPages{PageReader: pages, stream: stream, leaf: meta.Schema.Column(i), entries: -1}, nil
}

// maxOldHeader is the size of a dictionary page's header, which old writers do not count in a chunk's size (PARQUET-816).
const maxOldHeader = 100
