package event

import (
	"context"
	"fmt"
	"slices"

	"bursar/internal/catalog"
	"bursar/internal/event/scan"
	"bursar/internal/project"
)

// retryBytes is how much text of quarantined rows is parsed at a time.
const retryBytes = 1 << 20

// Retry takes all rows of the stream's quarantine up again, as a schema that has grown may accept them now. They become a new
// batch in which they keep their file and row; those that are rejected again go to its quarantine, and so do those that are dismissed, or of
// files that are retracted, as they were.
func (in *Intake) Retry(ctx context.Context, s *project.Stream, o Options) (Result, error) {
	batches, _, _, err := openQuarantines(ctx, in.Catalog, s.Name)
	if err != nil {
		return Result{}, err
	}
	return in.retry(ctx, s, batches, nil, o)
}

// rowAcceptance is what a retry is for that takes in one row. Of the others it judges those that are in conflict with what that row is chosen
// over, and leaves all else as it was.
type rowAcceptance struct {
	row   *Rejected
	older *Retraction // of the event whose place it takes; nil where none counted
}

// retries reports whether another row is judged again.
func (a *rowAcceptance) retries(row *Rejected) bool {
	switch with := row.Accepted; {
	case a == nil:
		return true
	case with == nil:
		return false
	case a.row.Accepted != nil && *with == *a.row.Accepted:
		return true
	default:
		return a.older != nil && *with == Place{a.older.File, a.older.Row}
	}
}

// retry takes up the quarantines of some batches. A row that is to be accepted is judged before all others.
func (in *Intake) retry(ctx context.Context, s *project.Stream, batches []Batch, accept *rowAcceptance, o Options) (Result, error) {
	dismissed, err := dismissals(ctx, in.Catalog, s.Name)
	if err != nil {
		return Result{}, err
	}
	var left *retractedRows
	err = in.Catalog.View(ctx, func(tx catalog.Tx) (err error) {
		left, err = newRetractedRows(in.Catalog, tx, s.Name)
		return err
	})
	if err != nil {
		return Result{}, fmt.Errorf("list retracted batches of %s: %w", s.Name, err)
	}
	w, err := in.begin(ctx, s, o)
	if err != nil {
		return Result{}, err
	}
	defer w.computer.close()
	defer w.close()
	for _, b := range batches {
		w.retries = append(w.retries, b.Batch)
	}
	r := &retrier{w: w, seg: w.segment(nil, nil), dismissed: dismissed, left: left}
	if err := w.flow(ctx, func(ctx context.Context) error { return r.all(ctx, batches, accept) }); err != nil {
		return Result{}, err
	}
	return w.sealAndCompact(ctx)
}

// retrier sends rows of quarantines down the flow, a row a block: each keeps its own file and row.
type retrier struct {
	w         *batchWriter
	seg       *segment
	bytes     int // of the segment's text
	dismissed map[Place]Dismissal
	left      *retractedRows
}

func (r *retrier) all(ctx context.Context, batches []Batch, accept *rowAcceptance) error {
	if accept != nil {
		if err := r.add(ctx, *accept.row, true); err != nil {
			return err
		}
	}
	for _, b := range batches {
		err := readQuarantine(ctx, r.w.in.Objects, b.Quarantine.Name, func(row Rejected) error {
			if accept != nil && row.Place() == accept.row.Place() {
				return nil
			}
			out, err := r.left.has(ctx, row.Number)
			if err != nil {
				return err
			}
			return r.add(ctx, row, accept.retries(&row) && !out)
		})
		if err != nil {
			return fmt.Errorf("retry quarantine of batch %d of %s: %w", b.Batch, r.w.stream.Name, err)
		}
	}
	return r.flush(ctx)
}

func (r *retrier) flush(ctx context.Context) error {
	if len(r.seg.blocks) == 0 {
		return nil
	}
	full := r.seg
	r.seg, r.bytes = r.w.segment(nil, nil), 0
	return r.w.enqueue(ctx, full)
}

// add takes a row into the segment, to be judged or to go back as it was. A segment is of one file.
func (r *retrier) add(ctx context.Context, row Rejected, judged bool) error {
	found, err := FindFile(ctx, r.w.in.Catalog, r.w.stream.Name, row.Number)
	if err != nil {
		return err
	}
	file := &found
	if r.seg.file != nil && r.seg.file.Number != file.Number {
		if err := r.flush(ctx); err != nil {
			return err
		}
	}
	r.seg.file = file
	_, dismissed := r.dismissed[row.Place()]
	blocks, err := r.w.parseAgain(file, row, judged && !dismissed)
	if err != nil {
		return err
	}
	for _, block := range blocks {
		r.seg.blocks = append(r.seg.blocks, block)
		r.seg.rowSources = append(r.seg.rowSources, rowSource{row.Request, row.Line, row.Occurrence})
		r.seg.rows += len(block.Rows)
	}
	if r.bytes += len(row.Raw) + len(row.Bytes); r.bytes < retryBytes {
		return nil
	}
	return r.flush(ctx)
}

// parseAgain parses one quarantined row. One that is not judged goes back as it was, and so does one that is kept as an object of its own: it
// is longer than a line may be.
func (w *batchWriter) parseAgain(file *File, row Rejected, judged bool) ([]*scan.Block, error) {
	raw := slices.Concat([]byte(row.Raw), row.Bytes)
	if row.Object == "" && judged {
		plan, err := w.planFor(file)
		if err != nil {
			return nil, err
		}
		blocks, err := plan.Parse(append(raw, '\n'), []byte(file.Header), row.Row)
		if err != nil || count(blocks) > 0 {
			return blocks, err
		}
	}
	if row.Object != "" || !judged {
		kept := row
		kept.Raw, kept.Bytes = "", nil
		w.mu.Lock()
		w.unchanged[row.Place()] = kept
		w.mu.Unlock()
	}
	block := &scan.Block{Rejects: []scan.Reject{{Row: row.Row, Column: row.Column, Reason: row.Reason, Raw: raw}}}
	return []*scan.Block{block}, nil
}

func count(blocks []*scan.Block) (rows int) {
	for _, b := range blocks {
		rows += len(b.Rows) + len(b.Rejects)
	}
	return rows
}
