// Package index loads the index from the parts of runs, and compares it with these parts and with the catalog. Loading is
// idempotent (rule 5). It must not decide when a run is indexed: the step does, and records it.
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

// Load loads an entry for every record of a partition's parts. It reads the parts themselves, so every record that the index
// points to was read back and its checksum compared.
func Load(ctx context.Context, e *reconcile.Engine, plan *fold.Plan, run *runs.Run, partition int) (entries int64, err error) {
	reader := NewPartReader(ctx, e.Objects, plan, run, partition)
	defer reader.Close()
	err = e.Index.Load(ctx, run.Space(), run.Run, func() (artifact.Entry, bool, error) {
		entry, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return entry, false, nil
		}
		entries++
		return entry, err == nil, err
	})
	return entries, err
}

// Repair rebuilds the index of a pipeline's generations from the parts of their runs, and returns the number of loaded
// entries. Existing entries are dropped first. A damaged part is an error: then only a rebuild helps.
func Repair(ctx context.Context, e *reconcile.Engine, pipeline string) (entries int64, err error) {
	plan, err := e.Plan(ctx, pipeline)
	if err != nil {
		return 0, err
	}
	generations, err := runs.Generations(ctx, e.Catalog, pipeline)
	if err != nil {
		return 0, err
	}
	for _, g := range generations {
		if err := runs.CheckFingerprint(plan, g.Fingerprint); err != nil {
			return entries, err
		}
		n, err := reload(ctx, e, plan, &g)
		entries += n
		if err != nil {
			return entries, err
		}
	}
	return entries, nil
}

func reload(ctx context.Context, e *reconcile.Engine, plan *fold.Plan, g *runs.Generation) (entries int64, err error) {
	if err := e.Index.Drop(ctx, g.Space()); err != nil {
		return 0, err
	}
	list, err := runs.List(ctx, e.Catalog, g.Pipeline, g.Generation, 0)
	if err != nil {
		return 0, err
	}
	for i := range list {
		if _, indexed := list[i].Steps[runs.StepIndex]; !indexed {
			break
		}
		for p := range list[i].Partitions {
			n, err := Load(ctx, e, plan, &list[i], p)
			if err != nil {
				return entries, fmt.Errorf("index run %d of %s: %w; run `bursar rebuild %s`", list[i].Run, g.Pipeline, err, g.Pipeline)
			}
			entries += n
		}
	}
	return entries, nil
}

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
