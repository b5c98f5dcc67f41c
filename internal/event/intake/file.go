// Identifies the files of a batch by number, digest and size, and refuses a file that has grown since it was ingested.

package intake

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path/filepath"
	"slices"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/dedupe"
	"bursar/internal/event/scan"
	"bursar/internal/failure"
	"bursar/internal/project"

	"golang.org/x/sync/errgroup"
)

// registerFile numbers a file, or finds that its digest is known in the catalog or in this batch. A file of a new size cannot be known, so
// its digest is computed while it is scanned, unless it identifies the rows.
func (w *batchWriter) registerFile(ctx context.Context, path string, in *scan.Input) (file *event.File, known bool, err error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, false, fmt.Errorf("name file %s: %w", path, err)
	}
	file = &event.File{Name: absolute, Bytes: in.Size(), Batch: w.batch.Batch}
	if w.options.Parts != nil {
		parts := w.options.Parts(path)
		if file.Name = parts[0].Name; len(parts) > 1 { // a single part is the file itself under another name
			file.Parts = parts
		}
	}
	alike, err := w.sizeKnown(ctx, in.Size())
	if err != nil {
		return nil, false, err
	}
	if alike || w.stream.ID[0] == project.RowID {
		if known, err = w.digestFile(ctx, file, path, in); err != nil || known {
			return nil, known, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	file.Number = w.state.Files + uint64(len(w.files)) + 1
	w.files = append(w.files, file)
	return file, false, nil
}

// digestFile computes a file's digest, and reports whether it is known.
func (w *batchWriter) digestFile(ctx context.Context, file *event.File, path string, in *scan.Input) (known bool, err error) {
	var earlier *event.File
	if w.stream.ID[0] == project.RowID {
		file.Digest, earlier, err = w.digestGrown(ctx, file, in.Reader())
	} else {
		file.Digest, err = FileDigest(ctx, in.Reader())
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w", path, err)
	}
	if known, err = w.fileKnown(ctx, file); err == nil && !known && earlier != nil {
		err = failure.Wrap(failure.Data, fmt.Errorf(
			"read %s: it begins with all of %s, which batch %d contains: those rows would count again, because the stream identifies rows by their file; move the new rows to a separate file",
			path, earlier.Name, earlier.Batch))
	}
	return known, err
}

// sizeKnown reports whether the stream has ingested a file of this size before.
func (w *batchWriter) sizeKnown(ctx context.Context, size int64) (known bool, err error) {
	if slices.ContainsFunc(w.files, func(f *event.File) bool { return f.Bytes == size }) {
		return true, nil
	}
	return catalog.Read(ctx, w.store.Catalog, func(tx catalog.Tx) (bool, error) { return event.HasFileSize(tx, w.stream.Name, size) })
}

// fileKnown reports whether the stream has ingested this file before, and counts its rows as duplicates if so. After a retraction it may
// be read again.
func (w *batchWriter) fileKnown(ctx context.Context, file *event.File) (known bool, err error) {
	var earlier event.File
	for _, f := range w.files {
		if f.Digest == file.Digest {
			earlier, known = *f, true
		}
	}
	if !known {
		err = w.store.Catalog.View(ctx, func(tx catalog.Tx) error {
			earlier, known, err = event.FileOfDigest(tx, w.stream.Name, file.Digest)
			return err
		})
		if known && w.retracted.ReadsAgain(&earlier, w.stream) {
			known, file.Again = false, !w.retracted.HasBatch(earlier.Batch)
		}
	}
	if known {
		w.repeatedRows += earlier.Rows
	}
	return known, err
}

// digestWhile computes a file's digest, unless it has one, while scan reads the file.
func (w *batchWriter) digestWhile(ctx context.Context, file *event.File, in *scan.Input, scan func() error) error {
	if file.Digest != "" {
		return scan()
	}
	var digest string
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		digest, err = FileDigest(ctx, in.Reader())
		return err
	})
	scanned := scan()
	if err := group.Wait(); scanned == nil && err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	file.Digest = digest
	return scanned
}

// FileDigest reads all of a file and returns its File.Digest. The context is checked between blocks.
func FileDigest(ctx context.Context, file io.Reader) (string, error) {
	hash := sha256.New()
	if err := hashAll(ctx, hash, file, make([]byte, hashBlock)); err != nil {
		return "", err
	}
	return sumOf(hash), nil
}

// hashBlock is how many bytes are read and hashed at a time.
const hashBlock = 64 << 10

// hashAll adds the rest of a file to a hash.
func hashAll(ctx context.Context, hash hash.Hash, file io.Reader, buffer []byte) error {
	for ctx.Err() == nil {
		n, err := file.Read(buffer)
		_, _ = hash.Write(buffer[:n]) // a hash never fails
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

func sumOf(hash hash.Hash) string { return hex.EncodeToString(hash.Sum(nil)) }

// fileOf returns the file of a place, from this batch or the catalog.
func (w *batchWriter) fileOf(p dedupe.Place) (event.File, error) {
	if n := p.File(); n > w.state.Files {
		w.mu.Lock()
		defer w.mu.Unlock()
		return *w.files[n-w.state.Files-1], nil
	}
	return event.FindFile(context.Background(), w.store.Catalog, w.stream.Name, p.File())
}

func (w *batchWriter) countRows(file *event.File, rows int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	file.Rows += int64(rows)
}

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
