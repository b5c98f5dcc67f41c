package event

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event/memory"
	"bursar/internal/event/scan"
	"bursar/internal/project"
)

// work is one batch in the making.
type work struct {
	in       *Intake
	stream   *project.Stream
	plan     *scan.Plan
	options  Options
	state    streamState
	received time.Time
	batch    Batch
	broken   map[*File]bool // files that could not be read to their end: not remembered as taken
	retries  []uint64       // batches whose quarantine this one takes up
	repeated int64          // rows of files that were taken in before

	mu    sync.Mutex // guards files and kept: judging asks for them while later rows come in
	files []*File
	kept  map[sourceRow]string // retried rows that lie in objects of their own

	memory   *memory.Memory
	known    *memory.Batch
	digester *digester
	computer *computer
	rejects  *quarantineWriter
	lanes    [laneCount]lane
	segments chan *segment
}

func (w *work) close() {
	_ = w.memory.Close() // only reads
	w.computer.close()
	if w.rejects != nil {
		w.rejects.abort()
	}
	for i := range w.lanes {
		w.lanes[i].abort()
	}
}

// enter numbers a file, or finds that its digest is known: in the catalog or in this very batch.
func (w *work) enter(ctx context.Context, path string) (file *File, known bool, err error) {
	sum, err := digestFile(ctx, path)
	if err != nil {
		return nil, false, err
	}
	var earlier File
	for _, f := range w.files {
		if f.Digest == sum {
			earlier, known = *f, true
		}
	}
	if !known {
		err := w.in.Catalog.View(ctx, func(tx catalog.Tx) error {
			known, err = tx.Get(fileKey(w.stream.Name, sum), &earlier)
			return err
		})
		if err != nil {
			return nil, false, fmt.Errorf("look up file %s: %w", path, err)
		}
	}
	if known {
		w.repeated += earlier.Rows
		return nil, true, nil
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, false, fmt.Errorf("name file %s: %w", path, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	file = &File{Number: w.state.Files + uint64(len(w.files)) + 1, Name: absolute, Digest: sum, Batch: w.batch.Batch}
	w.files = append(w.files, file)
	return file, false, nil
}

func digestFile(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read file: %w", err)
	}
	defer f.Close()
	hash := sha256.New()
	buffer := make([]byte, 1<<20)
	for ctx.Err() == nil {
		n, err := f.Read(buffer)
		_, _ = hash.Write(buffer[:n]) // a hash never fails
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(hash.Sum(nil)), nil
		}
		if err != nil {
			return "", fmt.Errorf("read file %s: %w", path, err)
		}
	}
	return "", ctx.Err()
}

func (w *work) count(file *File, rows int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	file.Rows += int64(rows)
}

// place finds the file of a place: in this batch, or in the catalog.
func (w *work) place(p memory.Place) (File, error) {
	if n := p.File(); n > w.state.Files {
		w.mu.Lock()
		defer w.mu.Unlock()
		return *w.files[n-w.state.Files-1], nil
	}
	var file File
	err := w.in.Catalog.View(context.Background(), func(tx catalog.Tx) error {
		ok, err := tx.Get(fileNumberKey(w.stream.Name, p.File()), &file)
		if err == nil && !ok {
			err = fmt.Errorf("file %d of stream %s is not in the catalog", p.File(), w.stream.Name)
		}
		return err
	})
	return file, err
}

// receivedAt is when a place's batch was sealed: what a dedupe window counts from.
func (w *work) receivedAt(p memory.Place) (time.Time, error) {
	file, err := w.place(p)
	if err != nil || file.Batch == w.batch.Batch {
		return w.received, err
	}
	var batch Batch
	err = w.in.Catalog.View(context.Background(), func(tx catalog.Tx) error {
		batch, err = GetBatch(tx, w.stream.Name, file.Batch)
		return err
	})
	return batch.Sealed, err
}
