package reconcile

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
)

// index points every key of a partition's parts to its record. It reads the parts themselves, so what is pointed to has
// been read back and its checksum compared.
func (e *Engine) index(ctx context.Context, plan *fold.Plan, run *Run, partition int) (share Share, err error) {
	reader := e.partReader(ctx, plan, run, partition)
	defer reader.close()
	err = e.Index.Load(ctx, run.space(), run.Run, func() (artifact.Entry, bool, error) {
		entry, err := reader.next()
		if errors.Is(err, io.EOF) {
			return entry, false, nil
		}
		share.Rows++
		return entry, err == nil, err
	})
	return share, err
}

// partReader walks the records of a partition's parts in order.
type partReader struct {
	ctx   context.Context
	store Store
	run   *Run
	key   []column.Vector
	width int

	partition int
	parts     []object.Description

	part   int   // the next part to open
	read   int64 // bytes of the open part
	in     io.Closer
	scan   *artifact.Scanner
	record []byte // of the entry returned last
	buffer []byte
}

func (e *Engine) partReader(ctx context.Context, plan *fold.Plan, run *Run, partition int) *partReader {
	return &partReader{
		ctx: ctx, store: e.Objects, run: run, partition: partition, parts: run.objects("merge", partition),
		key: column.NewVectors(typesOf(plan.Key), 0), width: len(plan.Key) + len(plan.Record),
	}
}

// next returns the entry of the next record, io.EOF at the end. Its key is valid until the call after.
func (r *partReader) next() (artifact.Entry, error) {
	for {
		if r.scan == nil {
			if r.part == len(r.parts) {
				return artifact.Entry{}, io.EOF
			}
			if err := r.open(); err != nil {
				return artifact.Entry{}, err
			}
		}
		offset, record, err := r.scan.Next()
		if errors.Is(err, io.EOF) {
			if want := r.parts[r.part-1].Bytes; r.read != want {
				return artifact.Entry{}, fmt.Errorf("read %s: %w: it ends after %d of %d bytes", r.parts[r.part-1].Name, artifact.ErrCorrupt, r.read, want)
			}
			r.close()
			continue
		}
		if err != nil {
			return artifact.Entry{}, fmt.Errorf("read %s: %w", r.parts[r.part-1].Name, err)
		}
		r.record = record
		r.read += int64(len(record))
		resetRow(r.key)
		if err := artifact.DecodeKey(record, r.key, r.width); err != nil {
			return artifact.Entry{}, fmt.Errorf("read %s at %d: %w", r.parts[r.part-1].Name, offset, err)
		}
		r.buffer = artifact.AppendKey(r.buffer[:0], r.key, 0)
		at := artifact.Location{Part: artifact.PartNumber(r.partition, r.part-1), Offset: offset, Length: uint32(len(record))}
		return artifact.Entry{Key: r.buffer, Run: r.run.Run, Location: at}, nil
	}
}

func (r *partReader) open() error {
	in, err := r.store.Open(r.ctx, r.parts[r.part].Name)
	if err != nil {
		return err
	}
	r.in, r.scan = in, artifact.NewScanner(bufio.NewReaderSize(io.NewSectionReader(in, 0, in.Size()), 1<<20))
	r.part++
	r.read = 0
	return nil
}

func (r *partReader) close() {
	if r.in != nil {
		_ = r.in.Close() // only read
	}
	r.in, r.scan = nil, nil
}
