// Pages unpack to exactly the size in their header.

package parquet

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/parquet/compress"
)

// TestPackedPages unpacks bytes that state more, or contain less, than the page that they are to fill.
func TestPackedPages(t *testing.T) {
	t.Parallel()
	k := compress.Codecs
	full := bytes.Repeat([]byte("page"), 100)
	pack := func(kind compress.Compression) []byte {
		codec, err := compress.GetCodec(kind)
		if err != nil {
			t.Fatal(err)
		}
		return codec.Encode(make([]byte, 1000), full)
	}
	for _, kind := range []compress.Compression{k.Snappy, k.Gzip, k.Brotli, k.Zstd} {
		if got := unpackPage(t, kind, len(full), pack(kind)); got != string(full) {
			t.Errorf("%s: %.100s", kind, got)
		}
		if got := unpackPage(t, kind, 0, pack(kind)); got != "" {
			t.Errorf("%s of no bytes: %d bytes", kind, len(got))
		}
		if got := unpackPage(t, kind, 2*len(full), pack(kind)); !strings.HasPrefix(got, "panic: ") {
			t.Errorf("%s of more bytes: %.100s", kind, got)
		}
	}
	for _, c := range []struct {
		kind compress.Compression
		data string
		want string
	}{
		{k.Snappy, "\xff\xff\xff\xff\x0f\x00", "a page of 400 bytes: it unpacks to 4294967295 bytes"},
		{k.Zstd, "\x28\xb5\x2f\xfd\xc0\x00\x00\x00\x00\x00\x0f\x00\x00\x00\x01\x00\x00", "a page of 400 bytes: it unpacks to more"},
		{k.Uncompressed, "short", "a page of 400 bytes: it unpacks to 5 bytes"},
	} {
		if got := unpackPage(t, c.kind, len(full), []byte(c.data)); got != "panic: "+c.want {
			t.Errorf("%s: %.200s, want %s", c.kind, got, c.want)
		}
	}
}

// unpackPage gives what bytes unpack to, or the panic.
func unpackPage(t *testing.T, kind compress.Compression, size int, packed []byte) (got string) {
	t.Helper()
	codec, err := compress.GetCodec(kind)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if p := recover(); p != nil {
			got = fmt.Sprint("panic: ", p)
		}
	}()
	return string(codec.Decode(make([]byte, size), packed))
}
