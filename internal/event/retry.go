package event

import (
	"context"
	"fmt"
	"slices"

	"bursar/internal/event/scan"
	"bursar/internal/project"
)

// retryBytes is how much text of quarantined rows is parsed at a time.
const retryBytes = 1 << 20

// Retry takes all rows of the stream's quarantine up again, as a schema that has grown may accept them now. They become a new
// batch in which they keep their file and row; those that are rejected again go to its quarantine.
func (in *Intake) Retry(ctx context.Context, s *project.Stream, o Options) (Result, error) {
	batches, err := quarantined(ctx, in.Catalog, s.Name)
	if err != nil {
		return Result{}, err
	}
	w, err := in.begin(ctx, s, o)
	if err != nil {
		return Result{}, err
	}
	defer w.computer.close()
	defer w.close()
	err = w.flow(ctx, func(ctx context.Context) error {
		for _, b := range batches {
			w.retries = append(w.retries, b.Batch)
			if err := w.retryBatch(ctx, b); err != nil {
				return fmt.Errorf("retry quarantine of batch %d of %s: %w", b.Batch, s.Name, err)
			}
		}
		return nil
	})
	if err != nil {
		return Result{}, err
	}
	return w.finish(ctx)
}

// retryBatch sends a quarantine's rows down the flow, a row a block: each keeps its own file and row.
func (w *work) retryBatch(ctx context.Context, b Batch) error {
	seg := w.segment(nil, nil)
	size := 0
	flush := func() error {
		if len(seg.blocks) == 0 {
			return nil
		}
		full := seg
		seg, size = w.segment(nil, nil), 0
		return w.send(ctx, full)
	}
	err := readQuarantine(ctx, w.in.Objects, b.Quarantine.Name, func(row Rejected) error {
		found, err := FindFile(ctx, w.in.Catalog, w.stream.Name, row.Number)
		if err != nil {
			return err
		}
		file := &found
		if seg.file != nil && seg.file.Number != file.Number {
			if err := flush(); err != nil {
				return err
			}
		}
		seg.file = file
		blocks, err := w.parseAgain(file, row)
		if err != nil {
			return err
		}
		for _, block := range blocks {
			seg.blocks = append(seg.blocks, block)
			seg.sources = append(seg.sources, source{row.Request, row.Line, row.Occurrence})
			seg.rows += len(block.Rows)
		}
		if size += len(row.Raw) + len(row.Bytes); size < retryBytes {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// parseAgain parses one quarantined row. A row that is kept as an object of its own is longer than a line may be, so it is rejected again.
func (w *work) parseAgain(file *File, row Rejected) ([]*scan.Block, error) {
	raw := slices.Concat([]byte(row.Raw), row.Bytes)
	if row.Object == "" {
		plan, err := w.planOf(file)
		if err != nil {
			return nil, err
		}
		blocks, err := plan.Parse(append(raw, '\n'), []byte(file.Header), row.Row)
		if err != nil || count(blocks) > 0 {
			return blocks, err
		}
	}
	if row.Object != "" {
		w.mu.Lock()
		w.kept[Place{file.Number, row.Row}] = row.Object
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
