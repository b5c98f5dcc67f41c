// Streams of column chunks end where their chunk ends.

package parquet

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/parquet"
)

// TestChunkEnds gives a chunk whose metadata state other places, and a stream that ends within a page.
func TestChunkEnds(t *testing.T) {
	t.Parallel()
	stream := &chunkStream{BufferedReader: bufferOf(t, "0123456789"), left: 4}
	if got, err := stream.Peek(6); string(got) != "0123" || err != nil {
		t.Errorf("%q %v", got, err)
	}
	if n, err := stream.Discard(3); n != 3 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	got, err := io.ReadAll(io.LimitReader(stream, 1))
	if string(got) != "3" || err != nil || stream.short {
		t.Errorf("%q %v %v", got, err, stream.short)
	}
	if _, err := stream.Peek(1); !errors.Is(err, io.EOF) || stream.short {
		t.Errorf("%v %v", err, stream.short)
	}
	if n, err := stream.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) || !stream.short {
		t.Errorf("%d %v %v", n, err, stream.short)
	}
}

func bufferOf(t *testing.T, text string) parquet.BufferedReader {
	t.Helper()
	properties := parquet.NewReaderProperties(nil)
	properties.BufferedStreamEnabled = true
	r, err := properties.GetStream(strings.NewReader(text), 0, int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}
