// Tests of how many requests reading and writing cost.

package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"bursar/internal/object"
	"bursar/internal/object/objecttest"
	"bursar/internal/object/s3/s3test"
)

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // never fails
	return b
}

func TestWriteRequests(t *testing.T) {
	t.Parallel()
	server, config := backend(t, s3test.Versitygw)
	s := mustOpen(t, config, fast)
	for _, c := range []struct {
		size int
		want string
	}{
		{0, "1 PutObject"},
		{1, "1 PutObject"},
		{partSize, "1 PutObject"},
		{partSize + 1, "1 CompleteMultipartUpload, 1 CreateMultipartUpload, 2 UploadPart"},
		{3*partSize + 7, "1 CompleteMultipartUpload, 1 CreateMultipartUpload, 4 UploadPart"},
	} {
		if testing.Short() && c.size > partSize+1 {
			continue
		}
		content := randomBytes(c.size)
		for _, create := range []func(context.Context, string) (object.Writer, error){s.CreateNew, s.Create} {
			wantRequests(t, s, c.want, func() {
				w, err := create(t.Context(), fmt.Sprintf("o%d", c.size))
				if err == nil {
					_, err = w.Write(content)
				}
				if err = errors.Join(err, w.Commit(), w.Abort()); err != nil {
					t.Errorf("write %d bytes: %v", c.size, err)
				}
			})
		}
		if !bytes.Equal(objecttest.Read(t, s, fmt.Sprintf("o%d", c.size)), content) {
			t.Errorf("an object of %d bytes has other bytes", c.size)
		}
	}
	for size, want := range map[int]string{5: "", partSize + 1: "1 AbortMultipartUpload, 1 CreateMultipartUpload"} {
		w, err := s.Create(t.Context(), "aborted")
		if err != nil {
			t.Fatal(err)
		}
		made := requestsOf(s, func() {
			if _, err := w.Write(make([]byte, size)); err != nil {
				t.Error(err)
			}
			if err := errors.Join(w.Abort(), w.Abort()); err != nil {
				t.Error(err)
			}
		})
		if made = strings.TrimSuffix(made, ", 1 UploadPart"); made != want { // the part may have been stopped
			t.Errorf("an aborted object of %d bytes: made %q, want %q", size, made, want)
		}
	}
	wantNoUploads(t, server)
}

// wantNoUploads checks that no upload is left that nobody completes.
func wantNoUploads(t *testing.T, server *s3test.Server) {
	t.Helper()
	if left := server.Uploads(t, "bucket"); len(left) != 0 {
		t.Errorf("unfinished uploads of %q are left", left)
	}
}

func TestReadRequests(t *testing.T) {
	t.Parallel()
	_, config := backend(t, s3test.Versitygw)
	s := mustOpen(t, config, fast)
	content := randomBytes(3 << 20)
	described, err := object.CreateDescribed(t.Context(), s, "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := described.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := described.Commit(); err != nil {
		t.Fatal(err)
	}
	d := described.Description

	wantRequests(t, s, "1 GetObject", func() {
		if err := d.Check(t.Context(), s); err != nil {
			t.Error(err)
		}
	})
	wantRequests(t, s, "1 GetObject, 1 HeadObject", func() { // twelve reads
		r, err := s.Open(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		got := bytes.Buffer{}
		if _, err := io.CopyBuffer(struct{ io.Writer }{&got}, io.NewSectionReader(r, 0, r.Size()), make([]byte, 256<<10)); err != nil || !bytes.Equal(got.Bytes(), content) {
			t.Errorf("read %d bytes, %v", got.Len(), err)
		}
	})
	wantRequests(t, s, "1 GetObject", func() { pointRead(t, s, d, content, 123_456, 1000) })
	wantRequests(t, s, "1 GetObject", func() { pointRead(t, s, d, content, 0, 1000) })
	wantRequests(t, s, "1 GetObject", func() { pointRead(t, s, d, content, len(content)-10, 20) })
	wantRequests(t, s, "", func() {
		if r, err := s.OpenSized(t.Context(), "a", d.Bytes); err != nil || r.Close() != nil {
			t.Error(err)
		}
	})
	wantRequests(t, s, "1 HeadObject", func() {
		if _, err := s.OpenSized(t.Context(), "a", 0); !errors.Is(err, object.ErrDamaged) {
			t.Errorf("open as an empty object: %v", err)
		}
	})
	wantRequests(t, s, "4 GetObject", func() { sequences(t, s, d, content) })
}

func pointRead(t *testing.T, s *Store, d object.Description, content []byte, at, length int) {
	t.Helper()
	r, err := s.OpenSized(t.Context(), d.Name, d.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b := make([]byte, length)
	n, err := r.ReadAt(b, int64(at))
	want := content[at:min(at+length, len(content))]
	if !bytes.Equal(b[:n], want) || (err != nil) != (n < length) {
		t.Errorf("read %d bytes at %d: %d, %v", length, at, n, err)
	}
}

// sequences reads two ranges apart from each other, each in two pieces: a request for the first piece, and one for what follows it.
func sequences(t *testing.T, s *Store, d object.Description, content []byte) {
	t.Helper()
	r, err := s.OpenSized(t.Context(), d.Name, d.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, at := range []int{100_000, 110_000, 120_000, 1_000_000, 1_010_000, 1_020_000} {
		b := make([]byte, 10_000)
		if _, err := r.ReadAt(b, int64(at)); err != nil || !bytes.Equal(b, content[at:at+len(b)]) {
			t.Errorf("read at %d: %v, or other bytes", at, err)
		}
	}
}

// TestReadAtOnce reads pieces in any order from several goroutines, while others read from the beginning to the end.
func TestReadAtOnce(t *testing.T) {
	t.Parallel()
	_, config := backend(t, s3test.Versitygw)
	s := mustOpen(t, config, fast)
	content := randomBytes(2 << 20)
	objecttest.Write(t, s, "a", content)
	r, err := s.OpenSized(t.Context(), "a", int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	for i := range 8 {
		done.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			for range 20 {
				at, b := random.IntN(len(content)-1), make([]byte, 1+random.IntN(50_000))
				n, err := r.ReadAt(b, int64(at))
				if err != nil && !errors.Is(err, io.EOF) || !bytes.Equal(b[:n], content[at:at+n]) {
					t.Errorf("read at %d: %v, or other bytes", at, err)
				}
			}
			got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("read %d bytes, %v", len(got), err)
			}
		})
	}
	done.Wait()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// TestWriterMemory writes an object of many parts in small and large pieces and measures what stays referenced meanwhile.
func TestWriterMemory(t *testing.T) { // not parallel: it measures the memory of the process
	if testing.Short() {
		t.Skip("it writes 640 MiB")
	}
	_, config := backend(t, s3test.Versitygw)
	s := mustOpen(t, config, fast)
	w, err := s.Create(t.Context(), "large")
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 1<<20)
	var stats runtime.MemStats
	var most uint64
	for i := range 20 * partSize / len(block) {
		if _, err := w.Write(block); err != nil {
			t.Fatal(err)
		}
		if i%32 == 31 {
			runtime.GC()
			runtime.ReadMemStats(&stats)
			most = max(most, stats.HeapAlloc)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	// Without a bound it would be the whole object.
	if bound := uint64((concurrentParts+2)*partSize + 128<<20); most > bound {
		t.Errorf("%d MiB are in use, more than %d", most>>20, bound>>20)
	}
}
