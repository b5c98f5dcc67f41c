// Two stores for tests: one that only serves ranges, and one whose objects are files.
package dedupe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/object"
)

// rangeStore keeps objects in memory; its files are copies.
type rangeStore map[string][]byte

func (s rangeStore) Create(_ context.Context, name string) (object.Writer, error) {
	return &rangeWriter{store: s, name: name}, nil
}

func (s rangeStore) Open(_ context.Context, name string) (object.Reader, error) {
	b, ok := s[name]
	if !ok {
		return nil, fmt.Errorf("open object %s: %w", name, fs.ErrNotExist)
	}
	return rangeReader{bytes.NewReader(b)}, nil
}

func (s rangeStore) CreateNew(ctx context.Context, name string) (object.Writer, error) {
	return s.Create(ctx, name)
}

func (s rangeStore) OpenSized(ctx context.Context, name string, _ int64) (object.Reader, error) {
	return s.Open(ctx, name)
}

func (s rangeStore) List(context.Context, string) ([]string, error) { return nil, nil }

func (s rangeStore) Delete(_ context.Context, name string) error {
	delete(s, name)
	return nil
}

// copies are files with the bytes that objects of a rangeStore have when they are pinned.
type copies struct {
	store rangeStore
	dir   string
	names []string
}

func (s rangeStore) Files() object.Files { return &copies{store: s} }

func (c *copies) Path(d object.Description) string {
	if c.dir == "" {
		c.dir, _ = os.MkdirTemp("", "copies-") // the write in Pin fails without it
	}
	c.names = append(c.names, d.Name)
	return filepath.Join(c.dir, strings.ReplaceAll(d.Name, "/", "_"))
}

func (c *copies) Pin(context.Context) (all error) {
	for _, name := range c.names {
		b, ok := c.store[name]
		if !ok {
			return fmt.Errorf("pin object %s: %w", name, fs.ErrNotExist)
		}
		all = errors.Join(all, os.WriteFile(filepath.Join(c.dir, strings.ReplaceAll(name, "/", "_")), b, 0o600))
	}
	return all
}

func (c *copies) Explain(err error) error { return err }

func (c *copies) Release() { _ = os.RemoveAll(c.dir) }

type rangeReader struct{ *bytes.Reader }

func (rangeReader) Close() error { return nil }

type rangeWriter struct {
	bytes.Buffer
	store rangeStore
	name  string
}

func (w *rangeWriter) Commit() error {
	w.store[w.name] = w.Bytes()
	return nil
}

func (w *rangeWriter) Abort() error { return nil }

// folderStore keeps objects as files of a folder.
type folderStore struct{ dir string }

func newFolder(t testing.TB) folderStore { return folderStore{t.TempDir()} }

func (s folderStore) Path(name string) string {
	return filepath.Join(s.dir, strings.ReplaceAll(name, "/", "_"))
}

// folderFiles are the files of a folderStore.
type folderFiles struct{ folderStore }

func (s folderStore) Files() object.Files { return folderFiles{s} }

func (f folderFiles) Path(d object.Description) string { return f.folderStore.Path(d.Name) }
func (folderFiles) Pin(context.Context) error          { return nil }
func (folderFiles) Explain(err error) error            { return err }
func (folderFiles) Release()                           {}

func (s folderStore) Create(_ context.Context, name string) (object.Writer, error) {
	f, err := os.Create(s.Path(name))
	return fileWriter{f}, err
}

func (s folderStore) Open(context.Context, string) (object.Reader, error) {
	panic("a local object is opened by its path")
}

func (s folderStore) CreateNew(ctx context.Context, name string) (object.Writer, error) {
	return s.Create(ctx, name)
}

func (s folderStore) OpenSized(ctx context.Context, name string, _ int64) (object.Reader, error) {
	return s.Open(ctx, name)
}

func (s folderStore) List(context.Context, string) ([]string, error) { return nil, nil }

func (s folderStore) Delete(_ context.Context, name string) error { return os.Remove(s.Path(name)) }

type fileWriter struct{ *os.File }

func (w fileWriter) Commit() error { return w.Close() }
func (w fileWriter) Abort() error  { return w.Close() }
