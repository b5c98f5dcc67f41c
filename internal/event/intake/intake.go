// Intake of files.

package intake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"bursar/internal/event"
	"bursar/internal/event/ids"
	"bursar/internal/event/scan"
	"bursar/internal/project"
)

// Options of one call of Ingest.
type Options struct {
	DryRun      bool
	MaxRejected float64           //nolint:forbidigo // share of rows in quarantine above which nothing is sealed, no money; 0 is no limit
	Progress    func(bytes int64) // called as bytes of the files are read; may be nil
	KeyColumns  []string          // columns that pipelines use as keys; their values are bounded like ids

	// Parts returns what a file was assembled from, at least one part: records and errors name the parts. nil is the file itself, by its absolute
	// path.
	Parts func(path string) []event.FilePart

	excluding *event.Place   // an event to treat as absent, in a dry run
	places    ids.ReadPlaces // cache of batches, used for several batches in a row; may be nil
}

// Result counts what one call ingested. Batch is 0 if nothing was sealed because every row was a duplicate.
type Result struct {
	Stream      string `json:"stream"`
	Batch       uint64 `json:"batch"`
	Rows        int64  `json:"rows"`
	Accepted    int64  `json:"accepted"`
	Quarantined int64  `json:"quarantined"`
	Duplicates  int64  `json:"duplicates"`
	Extra       int64  `json:"extra"`

	Undeclared []Undeclared `json:"undeclared,omitempty"` // by file

	Rejected     []Rejection    `json:"rejected,omitempty"`      // the first rejected rows of a dry run
	RejectedMore []RejectedMore `json:"rejected_more,omitempty"` // the others, by reason

	Totals event.Totals `json:"totals"`
	Digest string       `json:"digest"`
}

// ErrTooManyRejected is returned, wrapped, by Ingest beyond Options.MaxRejected.
var ErrTooManyRejected = errors.New("too many rows rejected")

// Ingest reads the files into one batch and seals it. If a file cannot be read to its end, the rows before the fault are sealed and the error is
// returned with the result: nothing readable is lost (rule 10).
func Ingest(ctx context.Context, st *event.Store, s *project.Stream, paths []string, o Options) (Result, error) {
	for _, path := range paths {
		if _, err := scan.Stat(path); err != nil { // before anything is begun
			return Result{}, err
		}
	}
	w, err := begin(ctx, st, s, o)
	if err != nil {
		return Result{}, err
	}
	defer w.computer.close()
	defer w.close()
	var unreadable error
	err = w.flow(ctx, func(ctx context.Context) error {
		for _, path := range paths {
			err := w.ingestFile(ctx, path)
			var broken *scan.ReadError
			if !errors.As(err, &broken) {
				if err != nil {
					return err
				}
				continue
			}
			if w.stream.ID[0] == project.RowID {
				return fmt.Errorf("%w; nothing was ingested, because the stream identifies rows by their file and would not recognise them in the complete file", err)
			}
			unreadable = errors.Join(unreadable, err)
		}
		return nil
	})
	if err != nil {
		return Result{}, err
	}
	result, err := w.sealAndCompact(ctx)
	result.Undeclared = w.undeclared
	result.Rejected, result.RejectedMore = w.rejections.listed, w.rejections.more
	return result, errors.Join(err, unreadable)
}

// ingestFile ingests one file. A file with a known digest changes nothing (rule 1): its rows count as duplicates. A file that changes while it is read
// is refused, since its rows and its digest may be of different contents.
func (w *batchWriter) ingestFile(ctx context.Context, path string) error {
	in, err := scan.OpenInput(path)
	if err != nil {
		return err
	}
	defer in.Close()
	file, known, err := w.registerFile(ctx, path, in)
	if err == nil && !known {
		err = w.scanFile(ctx, file, in)
	}
	if ctx.Err() != nil {
		return err
	}
	return cmp.Or(in.Unchanged(), err)
}

func (w *batchWriter) scanFile(ctx context.Context, file *event.File, in *scan.Input) error {
	scanned, err := in.Scan(w.plan, scan.Options{Workers: w.store.Workers, Progress: w.options.Progress, TempDir: w.store.Scratch})
	if err != nil {
		w.brokenFiles[file] = true
		return err
	}
	defer scanned.Close()
	if names := scanned.Undeclared(); len(names) > 0 {
		w.undeclared = append(w.undeclared, Undeclared{File: file.Name, Columns: names})
	}
	err = w.digestWhile(ctx, file, in, func() error { return w.sendSegments(ctx, scanned, file) })
	w.mu.Lock()
	defer w.mu.Unlock()
	file.Header = string(scanned.Header())
	if err != nil {
		w.brokenFiles[file] = true
	}
	return err
}

// sendSegments collects blocks into segments and sends them to the flow.
func (w *batchWriter) sendSegments(ctx context.Context, in *scan.File, file *event.File) error {
	seg := w.segment(in, file)
	for {
		block, err := in.Next(ctx)
		if block != nil {
			seg.blocks = append(seg.blocks, block)
			seg.rows += len(block.Rows)
			w.countRows(file, len(block.Rows)+len(block.Rejects))
		}
		if err != nil || seg.rows >= segmentRows {
			if sent := w.enqueue(ctx, seg); sent != nil {
				return sent
			}
			seg = w.segment(in, file)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
