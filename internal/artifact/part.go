// Parts: immutable files of records, written by merge.

package artifact

import (
	"context"
	"fmt"

	"bursar/internal/column"
	"bursar/internal/object"
)

// partSize is the size at which a new part is started. Parts are read by range, so the size only bounds what one call to the
// object store writes.
const partSize = 64 << 20

// partitionShift separates a part's number: the partition above, the number within the partition below.
const partitionShift = 16

// PartNumber is the number, within a run, of the n-th part of a partition. Both count from 0.
func PartNumber(partition, n int) uint32 { return uint32(partition)<<partitionShift | uint32(n) }

// PartName is the object name of a part (rule 5: named by pipeline, generation, run, step, partition).
func PartName(space Space, run uint64, part uint32) string {
	return fmt.Sprintf("%sparts/%08d-%04d-%04d", SpacePrefix(space), run, part>>partitionShift, part&(1<<partitionShift-1))
}

// SpacePrefix is the folder of everything that belongs to one generation.
func SpacePrefix(space Space) string {
	return fmt.Sprintf("pipelines/%s/g%04d/", space.Pipeline, space.Generation)
}

// PartWriter writes one partition's records of a run, ascending by key, into parts.
type PartWriter struct {
	ctx       context.Context
	store     object.Store
	space     Space
	run       uint64
	partition int
	size      int64 // at which a new part is started, in bytes

	parts  []object.Description
	out    *object.DescribedWriter
	buffer []byte
}

// NewPartWriter returns a writer for a partition's parts.
func NewPartWriter(ctx context.Context, store object.Store, space Space, run uint64, partition int) *PartWriter {
	return &PartWriter{ctx: ctx, store: store, space: space, run: run, partition: partition, size: partSize}
}

// Write adds row i of the columns (those of the key, then those of the record).
func (w *PartWriter) Write(row []column.Vector, i int) error {
	if w.out == nil {
		name := PartName(w.space, w.run, PartNumber(w.partition, len(w.parts)))
		out, err := object.CreateDescribed(w.ctx, w.store, name)
		if err != nil {
			return err
		}
		w.out = out
	}
	w.buffer = AppendRecord(w.buffer, row, i)
	w.out.Rows++
	if len(w.buffer) >= 1<<20 {
		return w.flush()
	}
	return nil
}

func (w *PartWriter) flush() error {
	if _, err := w.out.Write(w.buffer); err != nil {
		return fmt.Errorf("write %s: %w", w.out.Name, err)
	}
	w.buffer = w.buffer[:0]
	if w.out.Bytes >= w.size {
		return w.end()
	}
	return nil
}

func (w *PartWriter) end() error {
	if err := w.out.Commit(); err != nil {
		return fmt.Errorf("commit %s: %w", w.out.Name, err)
	}
	w.parts = append(w.parts, w.out.Description)
	w.out = nil
	return nil
}

// Finish makes the last part durable and returns all of them.
func (w *PartWriter) Finish() ([]object.Description, error) {
	if w.out != nil {
		if err := w.flush(); err != nil {
			return nil, err
		}
	}
	if w.out != nil {
		if err := w.end(); err != nil {
			return nil, err
		}
	}
	return w.parts, nil
}

// Abort deletes an unfinished part. It is safe after Finish.
func (w *PartWriter) Abort() {
	if w.out != nil {
		_ = w.out.Abort() // nothing of it is visible either way
		w.out = nil
	}
}
