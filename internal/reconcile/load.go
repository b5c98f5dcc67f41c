// Loading of the index from the parts of runs.

package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io"

	"bursar/internal/artifact"
	"bursar/internal/fold"
)

// loadPartition loads an entry for every record of a partition's parts. It reads the parts themselves, so every record that the index
// points to was read back and its checksum compared.
func loadPartition(ctx context.Context, e *Engine, plan *fold.Plan, run *Run, partition int) (entries int64, err error) {
	reader := newPartReader(ctx, e.Objects, plan, run, partition)
	defer reader.close()
	err = e.Index.Load(ctx, run.space(), run.Run, func() (artifact.Entry, bool, error) {
		entry, err := reader.next()
		if errors.Is(err, io.EOF) {
			return entry, false, nil
		}
		entries++
		return entry, err == nil, err
	})
	return entries, err
}

// RepairIndex rebuilds the index of a pipeline's generations from the parts of their runs, and returns the number of loaded
// entries. Existing entries are dropped first. A damaged part is an error: then only a rebuild helps.
func RepairIndex(ctx context.Context, e *Engine, pipeline string) (entries int64, err error) {
	plan, err := e.Plan(ctx, pipeline)
	if err != nil {
		return 0, err
	}
	generations, err := listGenerations(ctx, e.Catalog, pipeline)
	if err != nil {
		return 0, err
	}
	for _, g := range generations {
		if err := checkFingerprint(plan, g.Fingerprint); err != nil {
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

func reload(ctx context.Context, e *Engine, plan *fold.Plan, g *Generation) (entries int64, err error) {
	if err := e.Index.Drop(ctx, g.space()); err != nil {
		return 0, err
	}
	runs, err := ListRuns(ctx, e.Catalog, g.Pipeline, g.Generation, 0)
	if err != nil {
		return 0, err
	}
	for i := range runs {
		if _, indexed := runs[i].Steps[StepIndex]; !indexed {
			break
		}
		for p := range runs[i].Partitions {
			n, err := loadPartition(ctx, e, plan, &runs[i], p)
			if err != nil {
				return entries, fmt.Errorf("index run %d of %s: %w; run `bursar rebuild %s`", runs[i].Run, g.Pipeline, err, g.Pipeline)
			}
			entries += n
		}
	}
	return entries, nil
}
