// Execution of a step for one partition of the keys.

package step

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
	"bursar/internal/column"
	"bursar/internal/fold"
	"bursar/internal/project"
	"bursar/internal/reconcile/index"
	"bursar/internal/reconcile/runs"
)

// Partition executes a step for one partition, and stores the share until Step finds all of them. It is not repeated if the
// share is stored or the step is recorded; a late attempt changes nothing (rule 5).
func (e *Executor) Partition(ctx context.Context, ref runs.Ref, step runs.StepName, partition int) (runs.StepResult, error) {
	return unlessReplaced(e.partition(ctx, ref, step, partition))
}

func (e *Executor) partition(ctx context.Context, ref runs.Ref, step runs.StepName, partition int) (runs.StepResult, error) {
	plan, run, err := e.prepare(ctx, ref, step)
	if err != nil {
		return runs.StepResult{}, err
	}
	if partition < 0 || partition >= run.Partitions || !step.Partitioned() {
		return runs.StepResult{}, fmt.Errorf("bug: %s of run %d of %s has no partition %d", step, ref.Run, ref.Pipeline, partition)
	}
	if done, ok := run.Steps[step]; ok {
		return runs.StepResult{Rows: done.Shares[partition].Rows}, nil
	}
	share, found, err := e.findShare(ctx, &run, step, partition)
	if err != nil || found {
		return runs.StepResult{Rows: share.Rows}, err
	}
	began := e.Now()
	if err = e.enterLane(ctx, plan, &run, step); err == nil {
		share, err = e.runPartition(ctx, plan, &run, step, partition)
	}
	if err != nil {
		done, err := e.recordFailure(ctx, &run, step, fmt.Errorf("%s of run %d of %s, partition %d: %w", step, ref.Run, ref.Pipeline, partition, err))
		if err != nil {
			return runs.StepResult{}, err
		}
		return runs.StepResult{Rows: done.Shares[partition].Rows}, nil
	}
	share.Seconds = e.Now().Sub(began).Seconds()
	if err := e.recordShare(ctx, &run, step, partition, share); err != nil {
		return runs.StepResult{}, fmt.Errorf("record %s of run %d of %s, partition %d: %w", step, ref.Run, ref.Pipeline, partition, err)
	}
	return runs.StepResult{Rows: share.Rows, Seconds: share.Seconds}, nil
}

// runPartitions returns the shares of all partitions: stored ones, and the others executed now.
func (e *Executor) runPartitions(ctx context.Context, plan *fold.Plan, run *runs.Run, step runs.StepName) ([]runs.Share, error) {
	shares := make([]runs.Share, run.Partitions)
	for p := range shares {
		share, found, err := e.findShare(ctx, run, step, p)
		if err == nil && !found {
			share, err = e.runPartition(ctx, plan, run, step, p)
		}
		if err != nil {
			return nil, err
		}
		shares[p] = share
	}
	return shares, nil
}

func (e *Executor) runPartition(ctx context.Context, plan *fold.Plan, run *runs.Run, step runs.StepName, partition int) (share runs.Share, err error) {
	switch step {
	case runs.StepReduce:
		share, err = e.reduce(ctx, plan, run, partition)
	case runs.StepPrefetch:
		share, err = e.prefetch(ctx, plan, run, partition)
	case runs.StepMerge:
		share, err = e.merge(ctx, plan, run, partition)
	case runs.StepIndex:
		share.Rows, err = index.Load(ctx, e.Engine, plan, run, partition)
		if errors.Is(err, artifact.ErrCorrupt) || errors.Is(err, fs.ErrNotExist) {
			err = &derivedError{fmt.Errorf("%w; the run starts again from the events", err)}
		}
	default:
		err = fmt.Errorf("bug: unknown step %q", step)
	}
	share.Resets = run.Resets
	if run.AsOf != nil {
		share.AsOf = *run.AsOf
	}
	return share, err
}

func (e *Executor) findShare(ctx context.Context, run *runs.Run, step runs.StepName, partition int) (share runs.Share, found bool, err error) {
	err = e.Catalog.View(ctx, func(tx catalog.Tx) error {
		share, found, err = runs.GetShare(tx, run, step, partition)
		return err
	})
	return share, found, err
}

// recordShare stores a share, unless the step is recorded or the run was reset meanwhile.
func (e *Executor) recordShare(ctx context.Context, run *runs.Run, step runs.StepName, partition int, share runs.Share) error {
	var now runs.Run
	err := e.Catalog.Update(ctx, func(tx catalog.Tx) (err error) {
		if now, err = runs.GetOpen(tx, run.Ref()); err != nil {
			return err
		}
		if _, done := now.Steps[step]; done || now.Resets != run.Resets {
			return nil
		}
		return runs.PutShare(tx, run.Ref(), step, partition, share)
	})
	if _, published := now.Steps[runs.StepPublish]; err == nil && published {
		return e.removeIntermediates(ctx, &now)
	}
	return err
}

func partitionSQL(events string, key []project.KeyColumn, run *runs.Run, partition int) string {
	if run.Partitions == 1 {
		return events
	}
	names := make([]string, len(key))
	for i, k := range key {
		names[i] = column.QuoteIdentifier(k.Event)
	}
	hash := fmt.Sprintf("hash(%s)", strings.Join(names, ", "))
	if run.Split == runs.SplitByMD5 {
		hash = fmt.Sprintf("md5_number_lower(concat_ws(',', %s))", strings.Join(names, ", "))
	}
	return fmt.Sprintf("SELECT * FROM (%s) WHERE %s %% %d = %d", events, hash, run.Partitions, partition)
}
