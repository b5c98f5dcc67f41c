// The state of a batch that is being written, and the identification of its files.

package event

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path/filepath"
	"sync"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event/dedupe"
	"bursar/internal/event/scan"
	"bursar/internal/project"

	"golang.org/x/sync/errgroup"
)

// batchWriter writes one batch.
type batchWriter struct {
	in            *Intake
	stream        *project.Stream
	plan          *scan.Plan
	options       Options
	state         streamState
	received      time.Time
	batch         Batch
	brokenFiles   map[*File]bool    // files that could not be read to their end: recorded as broken
	retries       []uint64          // batches whose quarantine this one retries
	repeatedRows  int64             // rows of files that were ingested before
	spool         uint64            // the spool of the batch's requests; 0 for a batch of files
	keyedRequests []*pendingRequest // requests whose answers are stored by their keys
	conflictFile  File              // the file that the last conflict was with
	onReject      func(*reject)     // called for each rejected row; may be nil
	undeclared    []Undeclared      // columns of the files
	rejections    rejections        // of a dry run
	requestPlan   *scan.Plan        // reads JSON lines, whatever format the stream's files have; nil until needed

	mu        sync.Mutex // guards files, their fields, and unchanged: rows are checked while later ones are read
	files     []*File
	unchanged map[Place]Rejected // retried rows that go back into quarantine as they were, without their text

	retracted *retractedSet // what is retracted of earlier batches
	receipts  *receipts

	index       *dedupe.Index
	dedupeBatch *dedupe.Batch
	bounds      bounds
	digester    *digester
	computer    *computer
	quarantine  *quarantineWriter
	writers     [writerCount]objectWriter
	segments    chan *segment

	preparing sync.WaitGroup // running preparations of segments
}

func (w *batchWriter) close() {
	_ = w.index.Close() // read-only
	if w.quarantine != nil {
		w.quarantine.abort()
	}
	for i := range w.writers {
		w.writers[i].abort()
	}
}

// registerFile numbers a file, or finds that its digest is known in the catalog or in this batch. A file of a new size cannot be known, so its digest is
// computed while it is scanned, unless it identifies the rows.
func (w *batchWriter) registerFile(ctx context.Context, path string, in *scan.Input) (file *File, known bool, err error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, false, fmt.Errorf("name file %s: %w", path, err)
	}
	file = &File{Name: absolute, Bytes: in.Size(), Batch: w.batch.Batch}
	if w.options.Parts != nil {
		file.setParts(w.options.Parts(path))
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
func (w *batchWriter) digestFile(ctx context.Context, file *File, path string, in *scan.Input) (known bool, err error) {
	var earlier *File
	if w.stream.ID[0] == project.RowID {
		file.Digest, earlier, err = w.digestGrown(ctx, file, in.Reader())
	} else {
		file.Digest, err = FileDigest(ctx, in.Reader())
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w", path, err)
	}
	if known, err = w.fileKnown(ctx, file); err == nil && !known && earlier != nil {
		err = grownError(path, earlier)
	}
	return known, err
}

// setParts names a file by its parts. A single part is the file itself under another name.
func (f *File) setParts(parts []FilePart) {
	if f.Name = parts[0].Name; len(parts) > 1 {
		f.Parts = parts
	}
}

// sizeKnown reports whether the stream has ingested a file of this size before.
func (w *batchWriter) sizeKnown(ctx context.Context, size int64) (known bool, err error) {
	for _, f := range w.files {
		known = known || f.Bytes == size
	}
	if known {
		return true, nil
	}
	err = w.in.Catalog.View(ctx, func(tx catalog.Tx) error {
		known, err = tx.Get(fileSizeKey(w.stream.Name, size), &struct{}{})
		return err
	})
	return known, err
}

// fileKnown reports whether the stream has ingested this file before, and counts its rows as duplicates if so. After a retraction it may be read again.
func (w *batchWriter) fileKnown(ctx context.Context, file *File) (known bool, err error) {
	var earlier File
	for _, f := range w.files {
		if f.Digest == file.Digest {
			earlier, known = *f, true
		}
	}
	if !known {
		err = w.in.Catalog.View(ctx, func(tx catalog.Tx) error {
			known, err = tx.Get(fileKey(w.stream.Name, file.Digest), &earlier)
			return err
		})
		if known && w.retracted.readsAgain(&earlier, w.stream) {
			known, file.Again = false, !w.retracted.hasBatch(earlier.Batch)
		}
	}
	if known {
		w.repeatedRows += earlier.Rows
	}
	return known, err
}

// digestWhile computes a file's digest, unless it has one, while scan reads the file.
func (w *batchWriter) digestWhile(ctx context.Context, file *File, in *scan.Input, scan func() error) error {
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

func (w *batchWriter) countRows(file *File, rows int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	file.Rows += int64(rows)
}

// fileOf returns the file of a place, from this batch or the catalog.
func (w *batchWriter) fileOf(p dedupe.Place) (File, error) {
	if n := p.File(); n > w.state.Files {
		w.mu.Lock()
		defer w.mu.Unlock()
		return *w.files[n-w.state.Files-1], nil
	}
	return FindFile(context.Background(), w.in.Catalog, w.stream.Name, p.File())
}

// receivedAt returns when the event at a place was accepted: dedupe windows are based on it.
func (w *batchWriter) receivedAt(p dedupe.Place) (time.Time, error) {
	if p.File() > w.state.Files {
		return w.received, nil
	}
	return w.receipts.acceptedAt(context.Background(), p)
}
