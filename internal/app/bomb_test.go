// Decompression bombs: small archives that unpack to large files.

package app

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"io"
	"runtime"
	"strings"
	"testing"

	"bursar/internal/aggregate"
)

// endless reads as one letter, repeated forever.
type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

// TestArchiveBombsTakeBoundedMemory imports archives of a few kilobytes that unpack to more than the memory limit: to zeros, and to one value
// of a message. It is not parallel, because it counts allocations.
func TestArchiveBombsTakeBoundedMemory(t *testing.T) {
	const unpacked, bound = 256 << 20, 32 << 20
	begin := `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt><Id>`
	a := openExample(t, "statements")
	for name, in := range map[string]io.Reader{"zeros": endless(0), "value": io.MultiReader(strings.NewReader(begin), endless('A'))} {
		var packed bytes.Buffer
		w := zip.NewWriter(&packed)
		w.RegisterCompressor(zip.Deflate, func(to io.Writer) (io.WriteCloser, error) { return flate.NewWriter(to, flate.BestSpeed) })
		to, err := w.Create(name)
		if err == nil {
			_, err = io.CopyN(to, in, unpacked)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		path := putFile(t, t.TempDir(), name+".zip", packed.String())
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, err := a.Import(t.Context(), []string{path}, aggregate.Options{})
		runtime.ReadMemStats(&after)
		if err != nil || len(r.Files) != 1 || len(r.Files[0].Parts) != 1 || r.Files[0].Parts[0].Refused == "" {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > bound {
			t.Errorf("%s: %d bytes were allocated to refuse it", name, used)
		}
	}
}
