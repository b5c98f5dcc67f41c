// Intake of files.

package event

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/duck"
	"bursar/internal/event/dedupe"
	"bursar/internal/event/identity"
	"bursar/internal/event/scan"
	"bursar/internal/object"
	"bursar/internal/project"
)

// Intake seals batches. Only one intake of a stream may run at a time.
type Intake struct {
	Objects object.Store
	Catalog catalog.Catalog
	Secret  *identity.File // key of the dedupe indexes' digests
	Scratch string         // folder for temporary files of a batch
	Duck    duck.Options   // sessions that compute columns
	Workers int            // goroutines that parse; at least 1
	Now     func() time.Time
	Log     *slog.Logger
}

// Options of one call of Ingest.
type Options struct {
	DryRun      bool
	MaxRejected float64           //nolint:forbidigo // share of rows in quarantine above which nothing is sealed, no money; 0 is no limit
	Progress    func(bytes int64) // called as bytes of the files are read; may be nil
	KeyColumns  []string          // columns that pipelines use as keys; their values are bounded like ids

	// Parts returns what a file was assembled from, at least one part: records and errors name the parts. nil is the file itself, by its absolute
	// path.
	Parts func(path string) []FilePart

	excluding *Place     // an event to treat as absent, in a dry run
	places    readPlaces // cache of batches, used for several batches in a row; may be nil
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

	Totals Totals `json:"totals"`
	Digest string `json:"digest"`
}

// ErrTooManyRejected is returned, wrapped, by Ingest beyond Options.MaxRejected.
var ErrTooManyRejected = errors.New("too many rows rejected")

// Ingest reads the files into one batch and seals it. If a file cannot be read to its end, the rows before the fault are sealed and the error is
// returned with the result: nothing readable is lost (rule 10).
func (in *Intake) Ingest(ctx context.Context, s *project.Stream, paths []string, o Options) (Result, error) {
	for _, path := range paths {
		if _, err := scan.Stat(path); err != nil { // before anything is begun
			return Result{}, err
		}
	}
	w, err := in.begin(ctx, s, o)
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

// begin reads the stream's state and opens the dedupe index.
func (in *Intake) begin(ctx context.Context, s *project.Stream, o Options) (*batchWriter, error) {
	w, err := in.beginAt(ctx, s, o, in.Now())
	if err != nil {
		return nil, err
	}
	w.computer = newComputer(in, s)
	return w, nil
}

// beginAt is begin for a batch whose receipt starts at now. The caller sets the computer.
func (in *Intake) beginAt(ctx context.Context, s *project.Stream, o Options, now time.Time) (*batchWriter, error) {
	state, key, err := in.openIndex(ctx, s)
	if err != nil {
		return nil, err
	}
	plan, err := scan.NewPlan(s, o.KeyColumns)
	if err != nil {
		return nil, err
	}
	received, err := in.nextReceipt(ctx, s, &state, now)
	if err != nil {
		return nil, err
	}
	w := &batchWriter{in: in, stream: s, plan: plan, options: o, state: state, brokenFiles: map[*File]bool{}, unchanged: map[Place]Rejected{}, received: received, receipts: in.receipts(s)}
	w.batch = Batch{Stream: s.Name, Batch: state.Batches + 1, Sealed: w.received, Columns: definitions(s, state.Columns), Definitions: TotalDefinitions(s), Declared: declarationOf(s)}
	if err := w.removeLeftovers(ctx); err != nil {
		return nil, err
	}
	if w.retracted, err = in.loadRetracted(ctx, s, &state, o.places); err != nil {
		return nil, err
	}
	if o.excluding != nil {
		if w.retracted, err = w.retracted.add(*o.excluding); err != nil {
			return nil, err
		}
	}
	w.index, err = dedupe.Open(ctx, in.Objects, in.Scratch, state.DedupeTables)
	if err != nil {
		return nil, dedupeError(s.Name, err)
	}
	w.dedupeBatch, err = w.index.Begin(w.dedupeWindow(), maxIDBytes)
	if err != nil {
		return nil, errors.Join(err, w.index.Close())
	}
	w.digester, w.bounds = newDigester(s, state.Columns, key), newBounds(s)
	return w, nil
}

// maxIDBytes bounds the memory for the ids of a batch that is being written.
const maxIDBytes = 256 << 20

// removeLeftovers deletes the objects that a crashed intake left under this batch's number (rule 1: nothing exists before the seal). A batch with a
// manifest is sealed, so it is refused (rule 3).
func (w *batchWriter) removeLeftovers(ctx context.Context) error {
	if err := w.in.checkUnsealed(ctx, w.stream.Name, w.batch.Batch); err != nil {
		return err
	}
	if err := w.in.ensureManifest(ctx, w.stream.Name, w.state.Batches); err != nil {
		return fmt.Errorf("write manifest of batch %d of %s: %w", w.state.Batches, w.stream.Name, err)
	}
	if err := w.in.ensureRetraction(ctx, w.stream.Name, w.state.Retractions); err != nil {
		return fmt.Errorf("write retraction %d of %s: %w", w.state.Retractions, w.stream.Name, err)
	}
	names, err := w.in.Objects.List(ctx, prefix(w.stream.Name, w.batch.Batch))
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := w.in.Objects.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// dedupeWindow returns how far back ids count, by receipt, and which of them do not count.
func (w *batchWriter) dedupeWindow() dedupe.Window {
	var window dedupe.Window
	if w.retracted != nil {
		window.Excluded = w.retracted.has
	}
	if w.stream.Dedupe != 0 {
		window.Since, window.ReceivedAt = w.received.Add(-w.stream.Dedupe), w.receivedAt
	}
	return window
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

// scanFile scans a file into segments.
func (w *batchWriter) scanFile(ctx context.Context, file *File, in *scan.Input) error {
	scanned, err := in.Scan(w.plan, scan.Options{Workers: w.in.Workers, Progress: w.options.Progress, TempDir: w.in.Scratch})
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
func (w *batchWriter) sendSegments(ctx context.Context, in *scan.File, file *File) error {
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
