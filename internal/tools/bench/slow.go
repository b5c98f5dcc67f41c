// Simulates a remote object store such as S3, in which each call takes a while.

package bench

import (
	"context"
	"time"

	"bursar/internal/object"
)

// slowStore adds a wait to each call of a store. Code that reads an object in place waits when it asks for the path.
type slowStore struct {
	object.Local
	latency time.Duration
}

func (s slowStore) wait() { <-time.After(s.latency) }

func (s slowStore) Files() object.Files { return slowFiles{s.Local.Files(), s} }

type slowFiles struct {
	object.Files
	store slowStore
}

func (f slowFiles) Path(d object.Description) string {
	f.store.wait()
	return f.Files.Path(d)
}

func (s slowStore) Create(ctx context.Context, name string) (object.Writer, error) {
	s.wait()
	w, err := s.Local.Create(ctx, name)
	return slowWriter{w, s}, err
}

func (s slowStore) Open(ctx context.Context, name string) (object.Reader, error) {
	s.wait()
	r, err := s.Local.Open(ctx, name)
	return slowReader{r, s}, err
}

func (s slowStore) List(ctx context.Context, prefix string) ([]string, error) {
	s.wait()
	return s.Local.List(ctx, prefix)
}

func (s slowStore) Delete(ctx context.Context, name string) error {
	s.wait()
	return s.Local.Delete(ctx, name)
}

// slowWriter waits at the end only, because a store like S3 accepts bytes as they arrive.
type slowWriter struct {
	object.Writer
	store slowStore
}

func (w slowWriter) Commit() error {
	w.store.wait()
	return w.Writer.Commit()
}

type slowReader struct {
	object.Reader
	store slowStore
}

func (r slowReader) ReadAt(p []byte, off int64) (int, error) {
	r.store.wait()
	return r.Reader.ReadAt(p, off)
}
