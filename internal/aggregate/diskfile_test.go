// Tests disks that fail while files are read, and damaged packed files.

package aggregate

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"bursar/internal/aggregate/format"
	"bursar/internal/failure"
	"bursar/internal/project"

	"github.com/klauspost/compress/zstd"
)

// breaking fails the n-th read. Reads are short, so that there are many places to fail at.
type breaking struct {
	*os.File
	left *atomic.Int64
}

func (f breaking) fail() error {
	if f.left.Add(-1) == 0 {
		return &os.PathError{Op: "read", Path: f.Name(), Err: syscall.EIO}
	}
	return nil
}

func (f breaking) Read(p []byte) (int, error) {
	if err := f.fail(); err != nil {
		return 0, err
	}
	return f.File.Read(p[:min(len(p), 200)])
}

func (f breaking) ReadAt(p []byte, at int64) (int, error) {
	if err := f.fail(); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, at)
}

// packings are ways to pack a file.
func packings(t *testing.T, text string) map[string]string {
	t.Helper()
	gz, zst := &bytes.Buffer{}, &bytes.Buffer{}
	z := gzip.NewWriter(gz)
	s, err := zstd.NewWriter(zst)
	for _, w := range []io.WriteCloser{z, s} {
		if _, failed := io.WriteString(w, text); err != nil || failed != nil || w.Close() != nil {
			t.Fatal(err, failed)
		}
	}
	return map[string]string{
		"plain": text, "gzip": gz.String(), "zstd": zst.String(), "zip": zipOf(t, "a.xml", text, "b.xml", text),
	}
}

// TestFailingDisk fails each read of an import once. The error is Transient, because the file may be intact.
func TestFailingDisk(t *testing.T) {
	t.Parallel()
	for name, packed := range packings(t, camtOf(sheetOf("1", 5, 1000, items(5, 10, 10)...))) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t, "")
			path := h.file("handed.in", packed)
			n, left := int64(1), &atomic.Int64{}
			h.importer.files.OpenFile = func(path string) (format.SourceFile, error) {
				f, err := os.Open(path)
				return breaking{f, left}, err
			}
			for ; ; n++ {
				left.Store(n)
				r, err := h.importer.Import(t.Context(), []string{path}, Options{})
				if left.Load() > 0 {
					if err != nil || r.Err() != nil || n < 5 || len(h.stored(project.EntryStream, "id")) != 2 {
						t.Errorf("after %d failures: %v, %v", n-1, err, r.Err())
					}
					return
				}
				if failure.Of(err) != failure.Transient || !errors.Is(err, syscall.EIO) || strings.Count(err.Error(), path) != 1 {
					t.Fatalf("read %d fails: class %s of %v", n, failure.Of(err), err)
				}
			}
		})
	}
}

// TestDamagedPackings refuses packed files that are cut off or have a wrong byte.
func TestDamagedPackings(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	for name, packed := range packings(t, camtOf(sheetOf("1", 5, 1000, items(5, 10, 10)...))) {
		if name == "plain" {
			continue
		}
		other := []byte(packed)
		other[len(other)/3] ^= 0x55
		for _, damaged := range []string{packed[:len(packed)/2], string(other)} {
			r, err := h.importer.Import(t.Context(), []string{h.file("damaged", damaged)}, Options{})
			if err != nil || failure.Of(r.Err()) != failure.Data {
				t.Errorf("%s: %v, %v", name, err, r.Err())
			}
		}
	}
}
