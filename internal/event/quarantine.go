// Quarantine: rejected rows of a batch, written and read.

package event

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"bursar/internal/catalog"
	"bursar/internal/object"

	"github.com/klauspost/compress/zstd"
)

// Rejected is a row in quarantine, complete, with the reason.
type Rejected struct {
	Batch  uint64 `json:"batch"`
	File   string `json:"file"`
	Number uint64 `json:"number"` // of the file within the stream
	Row    int64  `json:"row"`
	Column string `json:"column,omitempty"`
	Reason string `json:"reason"`
	Raw    string `json:"raw"`              // the row as it was in the file
	Bytes  []byte `json:"bytes,omitempty"`  // instead of Raw if the row is not UTF-8
	Object string `json:"object,omitempty"` // instead of Raw if the row is longer than the line limit: the object that contains it

	Request string `json:"request,omitempty"` // digest of the request that brought the row, if that identifies it
	Line    int64  `json:"line,omitempty"`    // of the row in its request; 0 for rows of files

	Occurrence uint32 `json:"occurrence,omitempty"` // of the row's content in its file or request, if that identifies the row

	Accepted *Place `json:"accepted,omitempty"` // of a conflict: where the event was read that has the row's id

	Dismissed *Dismissal `json:"-"` // nil until the row is dismissed
}

// Place returns the file and row within the stream, which do not change in a retry.
func (r *Rejected) Place() Place { return Place{r.Number, r.Row} }

// Conflict reports whether the row's id was accepted before with other values.
func (r *Rejected) Conflict() bool { return strings.HasPrefix(r.Reason, conflictReason) }

// RefusedProperty is the property in which the reader of a built-in stream's file reports why a row cannot be ingested: an object with column and
// reason. Such a row is unreadable for intake as well, which does not know the file.
const RefusedProperty = "refused"

// applyRefusal takes over the reason reported by the reader of the file, if there is one.
func (r *Rejected) applyRefusal(raw []byte) {
	var content struct {
		Refused struct{ Column, Reason string }
	}
	if err := json.Unmarshal(raw, &content); err == nil && content.Refused.Reason != "" {
		r.Column, r.Reason = content.Refused.Column, content.Refused.Reason
	}
}

// reject is a row that is to be quarantined.
type reject struct {
	Row            int64
	Column, Reason string
	raw            []byte
	rawFile        string
	source         rowSource // the request that brought the row
	accepted       *Place    // of a conflict
}

// quarantineWriter writes a batch's rejected rows as compressed JSON lines.
type quarantineWriter struct {
	w   *batchWriter
	out *object.DescribedWriter
	zip *zstd.Encoder
	err error
}

func newQuarantineWriter(ctx context.Context, w *batchWriter) *quarantineWriter {
	q := &quarantineWriter{w: w}
	if w.options.DryRun {
		return q
	}
	q.out, q.err = object.CreateDescribed(ctx, w.in.Objects, prefix(w.stream.Name, w.batch.Batch)+"quarantine.jsonl.zst")
	if q.err == nil {
		q.zip, q.err = zstd.NewWriter(q.out, zstd.WithEncoderConcurrency(1))
	}
	return q
}

func (q *quarantineWriter) write(ctx context.Context, file *File, r reject) error {
	if q.w.options.DryRun {
		if file != nil { // a retry is reported by the caller
			q.w.rejections.add(file, &r)
		}
		return discard(r.rawFile)
	}
	if q.err != nil {
		return q.err
	}
	name, _ := file.At(r.Row) // a retry finds the row by its place in the whole file
	row := Rejected{Batch: q.w.batch.Batch, File: name, Number: file.Number, Row: r.Row, Column: r.Column, Reason: r.Reason, Request: r.source.digest, Line: r.source.line, Occurrence: r.source.occurrence, Accepted: r.accepted}
	if q.w.stream.Builtin {
		row.applyRefusal(r.raw)
	}
	unchanged := q.w.unchangedRow(file, r.Row)
	if unchanged.Accepted != nil {
		row.Accepted = unchanged.Accepted
	}
	switch {
	case unchanged.Object != "":
		row.Object = unchanged.Object
	case r.rawFile != "":
		object, err := q.keepOversize(ctx, r.rawFile)
		if err != nil {
			return err
		}
		row.Object = object
	case utf8.Valid(r.raw):
		row.Raw = string(r.raw)
	default:
		row.Bytes = r.raw
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

// unchangedRow returns a retried row that goes back into quarantine unchanged, without its text.
func (w *batchWriter) unchangedRow(file *File, row int64) Rejected {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.unchanged[Place{file.Number, row}]
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
	name := fmt.Sprintf("%soversize-%04d.zst", prefix(q.w.stream.Name, q.w.batch.Batch), len(q.w.batch.Oversize))
	out, err := object.CreateDescribed(ctx, q.w.in.Objects, name)
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

// finish makes the rows durable and describes their object; nil in a dry run.
func (q *quarantineWriter) finish() (*object.Description, error) {
	if q.w.options.DryRun || q.err != nil {
		return nil, q.err
	}
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

// retried marks a quarantine that a later batch has retried.
type retried struct {
	Batch uint64 `json:"batch"` // the batch that retried it; 0 if none was sealed because all rows were known. Earlier versions wrote the next number then
}

func retriedPrefix(stream string) string { return "retried/" + stream + "/" }

func retriedKey(stream string, batch uint64) string {
	return fmt.Sprintf("%s%08d", retriedPrefix(stream), batch)
}

// Quarantine calls each for every row of the stream in quarantine, batch by batch, including dismissed rows.
func Quarantine(ctx context.Context, c catalog.Catalog, store object.Store, stream string, each func(Rejected) error) error {
	batches, _, left, err := openQuarantines(ctx, c, stream)
	if err != nil {
		return err
	}
	dismissed, err := dismissals(ctx, c, stream)
	if err != nil {
		return err
	}
	for _, b := range batches {
		err := readQuarantine(ctx, store, b.Quarantine.Name, func(row Rejected) error {
			if out, err := left.has(ctx, row.Number); out || err != nil {
				return err
			}
			if d, is := dismissed[row.Place()]; is {
				row.Dismissed = &d
			}
			return each(row)
		})
		if err != nil {
			return fmt.Errorf("read quarantine of batch %d of %s: %w", b.Batch, stream, err)
		}
	}
	return nil
}

func readQuarantine(ctx context.Context, store object.Store, name string, each func(Rejected) error) error {
	in, err := store.Open(ctx, name)
	if err != nil {
		return err
	}
	defer in.Close()
	zip, err := zstd.NewReader(bufio.NewReader(io.NewSectionReader(in, 0, in.Size())), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer zip.Close()
	rows := json.NewDecoder(zip)
	for {
		var row Rejected
		if err := rows.Decode(&row); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := each(row); err != nil {
			return err
		}
	}
}
