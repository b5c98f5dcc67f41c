// Execution of a step for one partition of the keys.

package reconcile

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
)

// Partition executes a step for one partition, and stores the share until Step finds all of them. It is not repeated if the
// share is stored or the step is recorded; a late attempt changes nothing (rule 5).
func (e *Executor) Partition(ctx context.Context, ref RunRef, step StepName, partition int) (StepResult, error) {
	plan, err := e.Plan(ctx, ref.Pipeline)
	if err != nil {
		return StepResult{}, err
	}
	run, err := e.prepare(ctx, ref, step)
	if err != nil {
		return StepResult{}, err
	}
	if partition < 0 || partition >= run.Partitions || !step.Partitioned() {
		return StepResult{}, fmt.Errorf("bug: %s of run %d of %s has no partition %d", step, ref.Run, ref.Pipeline, partition)
	}
	if done, ok := run.Steps[step]; ok {
		return StepResult{Rows: done.Shares[partition].Rows}, nil
	}
	share, found, err := e.findShare(ctx, &run, step, partition)
	if err != nil || found {
		return StepResult{Rows: share.Rows}, err
	}
	began := e.Now()
	if err = e.enterLane(ctx, plan, &run, step); err == nil {
		share, err = e.runPartition(ctx, plan, &run, step, partition)
	}
	if err != nil {
		return StepResult{}, e.recordFailure(ctx, &run, step, fmt.Errorf("%s of run %d of %s, partition %d: %w", step, ref.Run, ref.Pipeline, partition, err))
	}
	share.Seconds = e.Now().Sub(began).Seconds()
	if err := e.recordShare(ctx, &run, step, partition, share); err != nil {
		return StepResult{}, fmt.Errorf("record %s of run %d of %s, partition %d: %w", step, ref.Run, ref.Pipeline, partition, err)
	}
	return StepResult{Rows: share.Rows, Seconds: share.Seconds}, nil
}

// runPartitions returns the shares of all partitions: stored ones, and the others executed now.
func (e *Executor) runPartitions(ctx context.Context, plan *fold.Plan, run *Run, step StepName) ([]Share, error) {
	shares := make([]Share, run.Partitions)
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

func (e *Executor) runPartition(ctx context.Context, plan *fold.Plan, run *Run, step StepName, partition int) (share Share, err error) {
	switch step {
	case StepReduce:
		share, err = e.reduce(ctx, plan, run, partition)
	case StepPrefetch:
		share, err = e.prefetch(ctx, plan, run, partition)
	case StepMerge:
		share, err = e.merge(ctx, plan, run, partition)
	case StepIndex:
		share.Rows, err = loadPartition(ctx, e.Engine, plan, run, partition)
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

// findShare reads the stored share of a partition.
func (e *Executor) findShare(ctx context.Context, run *Run, step StepName, partition int) (share Share, found bool, err error) {
	err = e.Catalog.View(ctx, func(tx catalog.Tx) error {
		share, found, err = getShare(tx, run, step, partition)
		return err
	})
	return share, found, err
}

// recordShare stores a share, unless the step is recorded or the run was reset meanwhile.
func (e *Executor) recordShare(ctx context.Context, run *Run, step StepName, partition int, share Share) error {
	return e.Catalog.Update(ctx, func(tx catalog.Tx) error {
		now, err := getRun(tx, run.ref())
		if err != nil {
			return err
		}
		if _, done := now.Steps[step]; done || now.Resets != run.Resets {
			return nil
		}
		return putShare(tx, run.ref(), step, partition, share)
	})
}

// partitionSQL selects the events of one partition.
func partitionSQL(events string, key []project.KeyColumn, run *Run, partition int) string {
	if run.Partitions == 1 {
		return events
	}
	names := make([]string, len(key))
	for i, k := range key {
		names[i] = column.QuoteIdentifier(k.Event)
	}
	hash := fmt.Sprintf("hash(%s)", strings.Join(names, ", "))
	if run.Split == splitByMD5 {
		hash = fmt.Sprintf("md5_number_lower(concat_ws(',', %s))", strings.Join(names, ", "))
	}
	return fmt.Sprintf("SELECT * FROM (%s) WHERE %s %% %d = %d", events, hash, run.Partitions, partition)
}
