// Refuses a file of a `_row` stream that has grown since it was ingested: its earlier rows would count again.

package intake

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/failure"
)

const (
	// recentFiles is how many of a stream's last files a file may have grown from.
	recentFiles = 1000
	// minSharedPrefix is how many bytes no two files of different names begin with by chance.
	minSharedPrefix = 4 << 10
)

// digestGrown computes the digest of a file, and finds an earlier file of the stream that it begins with.
func (w *batchWriter) digestGrown(ctx context.Context, file *event.File, in io.Reader) (digest string, earlier *event.File, err error) {
	candidates, err := w.shorterFiles(ctx, file)
	if err != nil {
		return "", nil, err
	}
	hash, buffer, done := sha256.New(), make([]byte, hashBlock), int64(0)
	for i := range candidates {
		c := &candidates[i]
		if err := hashAll(ctx, hash, io.LimitReader(in, c.Bytes-done), buffer); err != nil {
			return "", nil, err
		}
		if done = c.Bytes; sumOf(hash) == c.Digest {
			earlier = c
		}
	}
	err = hashAll(ctx, hash, in, buffer)
	return sumOf(hash), earlier, err
}

// shorterFiles lists files with rows that are shorter than a file, the shortest first.
func (w *batchWriter) shorterFiles(ctx context.Context, file *event.File) (list []event.File, err error) {
	list, err = catalog.Read(ctx, w.store.Catalog, func(tx catalog.Tx) ([]event.File, error) {
		return event.FilesAfter(tx, w.stream.Name, w.state.Files-min(w.state.Files, recentFiles))
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.files {
		list = append(list, *f)
	}
	list = slices.DeleteFunc(list, func(f event.File) bool {
		alike := f.Bytes >= minSharedPrefix || filepath.Base(f.Name) == filepath.Base(file.Name)
		return !alike || f.Digest == "" || f.Rows == 0 || f.Bytes >= file.Bytes || w.retracted.HasBatch(f.Batch)
	})
	slices.SortStableFunc(list, func(a, b event.File) int { return cmp.Compare(a.Bytes, b.Bytes) })
	return list, err
}

func grownError(path string, earlier *event.File) error {
	return failure.Wrap(failure.Data, fmt.Errorf(
		"read %s: it begins with all of %s, which batch %d contains: those rows would count again, because the stream identifies rows by their file; move the new rows to a separate file",
		path, earlier.Name, earlier.Batch))
}
