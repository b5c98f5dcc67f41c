// Reads the records of a run from its parts, with their places.

package index

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"bursar/internal/artifact"
	"bursar/internal/column"
	"bursar/internal/fold"
	"bursar/internal/object"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/runs"
)

// PartReader reads the records of a partition's parts in order.
type PartReader struct {
	ctx   context.Context
	store object.Store
	run   *runs.Run
	key   []column.Vector
	width int

	partition int
	parts     []object.Description

	nextPart  int   // number of the next part to open
	bytesRead int64 // bytes of the open part
	in        io.Closer
	scan      *artifact.Scanner
	Record    []byte // of the last returned entry
	buffer    []byte
}

// NewPartReader returns a reader of the parts that a run made for one partition.
func NewPartReader(ctx context.Context, objects object.Store, plan *fold.Plan, run *runs.Run, partition int) *PartReader {
	return &PartReader{
		ctx: ctx, store: objects, run: run, partition: partition, parts: run.Objects(runs.StepMerge, partition),
		key: column.NewVectors(column.Types(plan.Key), 0), width: len(plan.Key) + len(plan.Record),
	}
}

// Next returns the entry of the next record, io.EOF at the end. Its key is valid until the next call.
func (r *PartReader) Next() (artifact.Entry, error) {
	for {
		if r.scan == nil {
			if r.nextPart == len(r.parts) {
				return artifact.Entry{}, io.EOF
			}
			if err := r.open(); err != nil {
				return artifact.Entry{}, err
			}
		}
		offset, record, err := r.scan.Next()
		if errors.Is(err, io.EOF) {
			if want := r.parts[r.nextPart-1].Bytes; r.bytesRead != want {
				return artifact.Entry{}, fmt.Errorf("read %s: %w: it ends after %d of %d bytes", r.parts[r.nextPart-1].Name, artifact.ErrCorrupt, r.bytesRead, want)
			}
			r.Close()
			continue
		}
		if err != nil {
			return artifact.Entry{}, fmt.Errorf("read %s: %w", r.parts[r.nextPart-1].Name, err)
		}
		r.Record = record
		r.bytesRead += int64(len(record))
		reconcile.ResetRow(r.key)
		if err := artifact.DecodeKey(record, r.key, r.width); err != nil {
			return artifact.Entry{}, fmt.Errorf("read %s at %d: %w", r.parts[r.nextPart-1].Name, offset, err)
		}
		r.buffer = artifact.AppendKey(r.buffer[:0], r.key, 0)
		at := artifact.Location{Part: artifact.PartNumber(r.partition, r.nextPart-1), Offset: offset, Length: uint32(len(record))}
		return artifact.Entry{Key: r.buffer, Run: r.run.Run, Location: at}, nil
	}
}

func (r *PartReader) open() error {
	in, err := r.store.Open(r.ctx, r.parts[r.nextPart].Name)
	if err != nil {
		return err
	}
	r.in, r.scan = in, artifact.NewScanner(bufio.NewReaderSize(io.NewSectionReader(in, 0, in.Size()), 1<<20))
	r.nextPart++
	r.bytesRead = 0
	return nil
}

// Close closes the open part.
func (r *PartReader) Close() {
	if r.in != nil {
		_ = r.in.Close() // only read
	}
	r.in, r.scan = nil, nil
}
