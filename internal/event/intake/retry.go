// Retries rows in quarantine.

package intake

import (
	"context"
	"fmt"
	"slices"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/scan"
	"bursar/internal/project"
)

// retryBytes is how many bytes of quarantined rows are parsed at a time.
const retryBytes = 1 << 20

// Retry checks all rows of the stream's quarantine again, since a grown schema may accept them now. Accepted rows form a new batch and
// keep their file and row. Rows that are rejected again go to the quarantine of the new batch; so do, unchanged, rows that are dismissed
// or whose files are retracted.
func Retry(ctx context.Context, st *event.Store, s *project.Stream, o Options) (Result, error) {
	batches, _, _, err := event.OpenQuarantines(ctx, st.Catalog, s.Name)
	if err != nil {
		return Result{}, err
	}
	return retryQuarantines(ctx, st, s, batches, nil, o)
}

// rowAcceptance describes a retry that accepts one row. Of the others it only checks rows in conflict with the event that the row replaces; the rest
// stays unchanged.
type rowAcceptance struct {
	row   *event.Rejected
	older *event.Retraction // of the event that the row replaces; nil if there is none
}

func (a *rowAcceptance) retries(row *event.Rejected) bool {
	switch with := row.Accepted; {
	case a == nil:
		return true
	case with == nil:
		return false
	case a.row.Accepted != nil && *with == *a.row.Accepted:
		return true
	default:
		return a.older != nil && *with == event.Place{File: a.older.File, Row: a.older.Row}
	}
}

// retryQuarantines retries the quarantines of some batches. A row to be accepted is checked before all others.
func retryQuarantines(ctx context.Context, st *event.Store, s *project.Stream, batches []event.Batch, accept *rowAcceptance, o Options) (Result, error) {
	dismissed, err := event.Dismissals(ctx, st.Catalog, s.Name)
	if err != nil {
		return Result{}, err
	}
	retracted, err := catalog.Read(ctx, st.Catalog, func(tx catalog.Tx) (files map[uint64]bool, err error) {
		files, _, err = event.RetractedFiles(tx, s.Name)
		return files, err
	})
	if err != nil {
		return Result{}, fmt.Errorf("list retracted batches of %s: %w", s.Name, err)
	}
	w, err := begin(ctx, st, s, o, st.Now(), newComputer(st, s))
	if err != nil {
		return Result{}, err
	}
	defer w.computer.close()
	defer w.close()
	for _, b := range batches {
		w.retries = append(w.retries, b.Batch)
	}
	r := &retrier{w: w, seg: w.segment(nil, nil), dismissed: dismissed, retracted: retracted}
	if err := w.flow(ctx, func(ctx context.Context) error { return r.all(ctx, batches, accept) }); err != nil {
		return Result{}, err
	}
	return w.sealAndCompact(ctx)
}

// retrier sends rows of quarantines to the flow, one row per block, since each keeps its file and row.
type retrier struct {
	w         *batchWriter
	seg       *segment
	bytes     int // of the segment's text
	dismissed map[event.Place]event.Dismissal
	retracted map[uint64]bool // files whose batches are retracted
}

func (r *retrier) all(ctx context.Context, batches []event.Batch, accept *rowAcceptance) error {
	if accept != nil {
		if err := r.add(ctx, *accept.row, true); err != nil {
			return err
		}
	}
	for _, b := range batches {
		err := event.ReadQuarantine(ctx, r.w.store.Objects, b.Quarantine.Name, func(row event.Rejected) error {
			if accept != nil && row.Place() == accept.row.Place() {
				return nil
			}
			return r.add(ctx, row, accept.retries(&row) && !r.retracted[row.Number])
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

// add adds a row to the segment, to be checked or to go back unchanged. A segment contains rows of one file.
func (r *retrier) add(ctx context.Context, row event.Rejected, recheck bool) error {
	found, err := event.FindFile(ctx, r.w.store.Catalog, r.w.stream.Name, row.Number)
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
	blocks, err := r.w.parseAgain(file, row, recheck && !dismissed)
	if err != nil {
		return err
	}
	for _, block := range blocks {
		r.seg.blocks = append(r.seg.blocks, block)
		r.seg.rowSources = append(r.seg.rowSources, RowSource{row.Request, row.Line, row.Occurrence})
		r.seg.rows += len(block.Rows)
	}
	if r.bytes += len(row.Raw) + len(row.Bytes); r.bytes < retryBytes {
		return nil
	}
	return r.flush(ctx)
}

// parseAgain parses a quarantined row. A row that is not checked goes back unchanged, and so does one stored as a separate object, which
// exceeds the line limit.
func (w *batchWriter) parseAgain(file *event.File, row event.Rejected, recheck bool) ([]*scan.Block, error) {
	raw := slices.Concat([]byte(row.Raw), row.Bytes)
	if row.Object == "" && recheck {
		plan, err := w.planFor(file)
		if err != nil {
			return nil, err
		}
		blocks, err := plan.Parse(append(raw, '\n'), []byte(file.Header), row.Row)
		if err != nil || slices.ContainsFunc(blocks, func(b *scan.Block) bool { return len(b.Rows)+len(b.Rejects) > 0 }) {
			return blocks, err
		}
	}
	if row.Object != "" || !recheck {
		kept := row
		kept.Raw, kept.Bytes = "", nil
		w.mu.Lock()
		w.unchanged[row.Place()] = kept
		w.mu.Unlock()
	}
	block := &scan.Block{Rejects: []scan.Reject{{Row: row.Row, Column: row.Column, Reason: row.Reason, Raw: raw}}}
	return []*scan.Block{block}, nil
}
