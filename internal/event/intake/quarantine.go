// Writes the rejected rows of a batch to its quarantine.

package intake

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"

	"bursar/internal/event"
	"bursar/internal/event/scan"
	"bursar/internal/object"
)

type reject struct {
	scan.Reject
	source   RowSource
	accepted *event.Place // of a conflict
}

// quarantineWriter writes a batch's rejected rows as compressed JSON lines, from the first one until the seal.
type quarantineWriter struct {
	w   *batchWriter
	out *object.DescribedWriter
	zip *zstd.Encoder
}

func newQuarantineWriter(w *batchWriter) (q *quarantineWriter, err error) {
	q = &quarantineWriter{w: w}
	q.out, err = object.CreateDescribed(w.sealing, w.store.Objects, w.attempt.Prefix+"quarantine.jsonl.zst")
	if err == nil {
		q.zip, err = zstd.NewWriter(q.out, zstd.WithEncoderConcurrency(1))
	}
	return q, err
}

func (q *quarantineWriter) write(ctx context.Context, file *event.File, r reject) error {
	name, _ := file.At(r.Row) // a retry finds the row by its place in the whole file
	row := event.Rejected{Batch: q.w.batch.Batch, File: name, Number: file.Number, Row: r.Row, Column: r.Column, Reason: r.Reason, Request: r.source.Digest, Line: r.source.Line, Occurrence: r.source.occurrence, Accepted: r.accepted}
	if q.w.stream.Builtin {
		row.ApplyRefusal(r.Raw)
	}
	q.w.mu.Lock()
	unchanged := q.w.unchanged[row.Place()]
	q.w.mu.Unlock()
	if unchanged.Accepted != nil {
		row.Accepted = unchanged.Accepted
	}
	switch {
	case unchanged.Object != "":
		row.Object = unchanged.Object
	case r.RawFile != "":
		object, err := q.keepOversize(ctx, r.RawFile)
		if err != nil {
			return err
		}
		row.Object = object
	case utf8.Valid(r.Raw):
		row.Raw = string(r.Raw)
	default:
		row.Bytes = r.Raw
	}
	line, err := json.Marshal(row)
	if err == nil {
		_, err = q.zip.Write(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write quarantine: %w", err)
	}
	q.out.Rows++
	return nil
}

func discard(path string) error {
	if path == "" {
		return nil
	}
	return os.Remove(path)
}

// keepOversize moves a row that is too long for memory from a compressed file into an object.
func (q *quarantineWriter) keepOversize(ctx context.Context, path string) (string, error) {
	defer func() { _ = os.Remove(path) }() // scratch is emptied at the next start
	in, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("keep oversize row: %w", err)
	}
	defer in.Close()
	name := fmt.Sprintf("%soversize-%04d.zst", q.w.attempt.Prefix, len(q.w.batch.Oversize))
	out, err := object.CreateDescribed(ctx, q.w.store.Objects, name)
	if err != nil {
		return "", err
	}
	if _, err := io.Copy(out, in); err != nil {
		return "", errors.Join(fmt.Errorf("keep oversize row: %w", err), out.Abort())
	}
	if err := out.Commit(); err != nil {
		return "", err
	}
	out.Rows = 1
	q.w.batch.Oversize = append(q.w.batch.Oversize, out.Description)
	return name, nil
}

// finish makes the rows durable and describes their object.
func (q *quarantineWriter) finish() (*object.Description, error) {
	if err := q.zip.Close(); err != nil {
		return nil, fmt.Errorf("write quarantine: %w", err)
	}
	err := q.out.Commit()
	return &q.out.Description, err
}

func (q *quarantineWriter) abort() {
	if q.out != nil {
		_ = q.out.Abort() // nothing of it is visible either way
	}
}

// quarantineRows writes rejected rows to the quarantine, in row order.
func (w *batchWriter) quarantineRows(ctx context.Context, file *event.File, rejects []reject) error {
	if len(rejects) == 0 {
		return nil
	}
	slices.SortStableFunc(rejects, func(a, b reject) int { return cmp.Compare(a.Row, b.Row) })
	if w.quarantine == nil && !w.options.DryRun {
		var err error
		if w.quarantine, err = newQuarantineWriter(w); err != nil {
			return err
		}
	}
	for _, r := range rejects {
		if w.onReject != nil {
			w.onReject(&r)
		}
		if !w.options.DryRun {
			if err := w.quarantine.write(ctx, file, r); err != nil {
				return err
			}
			continue
		}
		if file != nil { // a retry is reported by the caller
			w.rejections.add(file, &r)
		}
		if err := discard(r.RawFile); err != nil {
			return err
		}
	}
	w.batch.Quarantined += int64(len(rejects))
	return nil
}
