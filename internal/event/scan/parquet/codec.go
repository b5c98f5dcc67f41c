// Compression of Parquet pages: a page unpacks to exactly the size in its header.

package parquet

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

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

// exactCodec unpacks to exactly the requested size. The library's codecs allocate what the packed bytes state, up to 64 GiB, or without limit for an empty page;
// and the library accepts a shorter result, completed by old content of its buffer, as a whole page.
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
