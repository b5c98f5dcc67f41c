package event

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/duck"
	"bursar/internal/event/memory"
	"bursar/internal/event/scan"
	"bursar/internal/object"
	"bursar/internal/project"
)

// Intake seals batches. One intake of a stream runs at a time.
type Intake struct {
	Objects object.Store
	Catalog catalog.Catalog
	Scratch string       // folder for what a batch in the making does not hold in memory
	Duck    duck.Options // sessions that compute columns
	Workers int          // goroutines that parse; 1 at least
	Now     func() time.Time
	Log     *slog.Logger
}

// Options of one call of Ingest.
type Options struct {
	DryRun      bool
	MaxRejected float64           //nolint:forbidigo // share of rows in quarantine above which nothing is sealed, no money; 0 is no limit
	Progress    func(bytes int64) // called as bytes of the files are read; may be nil
	KeyColumns  []string          // columns that pipelines use as keys: bounded like identities

	// Parts are what a file was put together from, one at least: records and errors name them. nil is the file itself, by
	// its absolute path.
	Parts func(path string) []Part
}

// Result counts what one call took in. Batch is 0 when nothing was sealed, as every row was known.
type Result struct {
	Stream      string `json:"stream"`
	Batch       uint64 `json:"batch"`
	Rows        int64  `json:"rows"`
	Accepted    int64  `json:"accepted"`
	Quarantined int64  `json:"quarantined"`
	Duplicates  int64  `json:"duplicates"`
	Extra       int64  `json:"extra"`
	Totals      Totals `json:"totals"`
	Digest      string `json:"digest"`
}

// ErrTooManyRejected is what Ingest returns, wrapped, beyond Options.MaxRejected.
var ErrTooManyRejected = errors.New("too many rows rejected")

// Ingest takes the files into one batch and seals it. When a file cannot be read to its end, the rows before the fault are
// sealed and the error is returned with the result: nothing that could be read is lost (rule 10).
func (in *Intake) Ingest(ctx context.Context, s *project.Stream, paths []string, o Options) (Result, error) {
	for _, path := range paths {
		if err := readable(path); err != nil {
			return Result{}, err
		}
	}
	w, err := in.begin(ctx, s, o)
	if err != nil {
		return Result{}, err
	}
	defer w.computer.close()
	defer w.close()
	var unread error
	err = w.flow(ctx, func(ctx context.Context) error {
		for _, path := range paths {
			err := w.takeFile(ctx, path)
			var broken *scan.ReadError
			if !errors.As(err, &broken) {
				if err != nil {
					return err
				}
				continue
			}
			if w.stream.ID[0] == project.RowID {
				return fmt.Errorf("%w; nothing was taken in, as rows known by their file could not be told again in the whole file", err)
			}
			unread = errors.Join(unread, err)
		}
		return nil
	})
	if err != nil {
		return Result{}, err
	}
	result, err := w.finish(ctx)
	return result, errors.Join(err, unread)
}

// readable refuses what is no file before anything is begun.
func readable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, errors.Unwrap(err))
	}
	if info.IsDir() {
		return fmt.Errorf("read %s: it is a directory; name the files in it", path)
	}
	return nil
}

// begin reads what the catalog knows of the stream and opens the duplicate memory.
func (in *Intake) begin(ctx context.Context, s *project.Stream, o Options) (*work, error) {
	w, err := in.beginAt(ctx, s, o, in.Now())
	if err != nil {
		return nil, err
	}
	w.computer = newComputer(in, s)
	return w, nil
}

// beginAt is begin for a batch whose dedupe window counts from a time of receipt. Its computer is the caller's.
func (in *Intake) beginAt(ctx context.Context, s *project.Stream, o Options, received time.Time) (*work, error) {
	state, err := in.state(ctx, s.Name)
	if err != nil {
		return nil, err
	}
	if err := checkGrowth(s, state.Columns); err != nil {
		return nil, err
	}
	plan, err := scan.NewPlan(s, o.KeyColumns)
	if err != nil {
		return nil, err
	}
	w := &work{in: in, stream: s, plan: plan, options: o, state: state, broken: map[*File]bool{}, kept: map[sourceRow]string{}, received: received.UTC().Truncate(time.Microsecond)}
	w.batch = Batch{Stream: s.Name, Batch: state.Batches + 1, Sealed: w.received, Columns: definitions(s)}
	if err := w.sweep(ctx); err != nil {
		return nil, err
	}
	w.memory, err = memory.Open(ctx, in.Objects, in.Scratch, state.Memory)
	if err != nil {
		return nil, fmt.Errorf("open duplicate memory of %s: %w", s.Name, err)
	}
	w.known, err = w.memory.Begin(w.window(), memoryLimit)
	if err != nil {
		return nil, errors.Join(err, w.memory.Close())
	}
	w.digester = newDigester(s)
	return w, nil
}

// memoryLimit bounds the ids of a batch in the making that are held in memory, in bytes.
const memoryLimit = 256 << 20

// sweep removes what a crashed intake left under this batch's number (rule 1: before the seal there is nothing). A batch with a
// manifest is sealed, and refused (rule 3).
func (w *work) sweep(ctx context.Context) error {
	if err := w.in.checkUnsealed(ctx, w.stream.Name, w.batch.Batch); err != nil {
		return err
	}
	if err := w.in.ensureManifest(ctx, w.stream.Name, w.state.Batches); err != nil {
		return fmt.Errorf("write manifest of batch %d of %s: %w", w.state.Batches, w.stream.Name, err)
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

// window is how long ids count, by receipt.
func (w *work) window() memory.Window {
	if w.stream.Dedupe == 0 {
		return memory.Window{}
	}
	return memory.Window{Since: w.received.Add(-w.stream.Dedupe), ReceivedAt: w.receivedAt}
}

// takeFile scans one file into segments. A file whose digest is known changes nothing (rule 1): its rows are counted as duplicates.
func (w *work) takeFile(ctx context.Context, path string) error {
	file, known, err := w.enter(ctx, path)
	if err != nil {
		return err
	}
	if known {
		return nil
	}
	in, err := scan.Open(path, w.plan, scan.Options{Workers: w.in.Workers, Progress: w.options.Progress, TempDir: w.in.Scratch})
	if err != nil {
		return err
	}
	defer in.Close()
	err = w.alongside(ctx, file, path, func() error { return w.cut(ctx, in, file) })
	w.mu.Lock()
	defer w.mu.Unlock()
	file.Header = string(in.Header())
	if err != nil {
		w.broken[file] = true
	}
	return err
}

// cut gathers blocks into segments and sends them down the flow.
func (w *work) cut(ctx context.Context, in *scan.File, file *File) error {
	seg := w.segment(in, file)
	for {
		block, err := in.Next(ctx)
		if block != nil {
			seg.blocks = append(seg.blocks, block)
			seg.rows += len(block.Rows)
			w.count(file, len(block.Rows)+len(block.Rejects))
		}
		if err != nil || seg.rows >= segmentRows {
			if sent := w.send(ctx, seg); sent != nil {
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
