// Package index loads the index from the parts of runs, and compares it with these parts and with the catalog. Loading is
// idempotent (rule 5). It must not decide when a run is indexed: the step does, and records it.
package index

import (
	"context"
	"errors"
	"fmt"
	"io"

	"bursar/internal/artifact"
	"bursar/internal/fold"
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
