// Execution of a step for one partition of the keys.

package reconcile

import (
	"context"
	"encoding/json"
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

// Partitioned reports whether a step is split by key. Publish is one transaction.
func Partitioned(step StepName) bool { return step != StepPublish }

// Partition executes a step for one partition, and stores the share until Step finds all of them. It is not repeated if the
// share is stored or the step is recorded; a late attempt changes nothing (rule 5).
func (e *Engine) Partition(ctx context.Context, ref RunRef, step StepName, partition int) (StepResult, error) {
	plan, err := e.Plan(ctx, ref.Pipeline)
	if err != nil {
		return StepResult{}, err
	}
	run, err := e.prepare(ctx, ref, step)
	if err != nil {
		return StepResult{}, err
	}
	if partition < 0 || partition >= run.Partitions || !Partitioned(step) {
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
func (e *Engine) runPartitions(ctx context.Context, plan *fold.Plan, run *Run, step StepName) ([]Share, error) {
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

func (e *Engine) runPartition(ctx context.Context, plan *fold.Plan, run *Run, step StepName, partition int) (share Share, err error) {
	switch step {
	case StepReduce:
		share, err = e.reduce(ctx, plan, run, partition)
	case StepPrefetch:
		share, err = e.prefetch(ctx, plan, run, partition)
	case StepMerge:
		share, err = e.merge(ctx, plan, run, partition)
	case StepIndex:
		share, err = e.index(ctx, plan, run, partition)
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

// accepts reports whether a stored share belongs to this attempt at the run and to the state that its prefetch reads.
func (r *Run) accepts(step StepName, share *Share) bool {
	sameState := step == StepReduce || r.AsOf != nil && share.AsOf == *r.AsOf
	return share.Resets == r.Resets && sameState
}

// findShare reads the stored share of a partition.
func (e *Engine) findShare(ctx context.Context, run *Run, step StepName, partition int) (share Share, found bool, err error) {
	err = e.Catalog.View(ctx, func(tx catalog.Tx) error {
		share = Share{}
		found, err = tx.Get(shareKey(run.ref(), step, partition), &share)
		return err
	})
	if found && !run.accepts(step, &share) {
		return Share{}, false, err
	}
	return share, found, err
}

// recordShare stores a share, unless the step is recorded or the run was reset meanwhile.
func (e *Engine) recordShare(ctx context.Context, run *Run, step StepName, partition int, share Share) error {
	return e.Catalog.Update(ctx, func(tx catalog.Tx) error {
		now, err := getRun(tx, run.ref())
		if err != nil {
			return err
		}
		if _, done := now.Steps[step]; done || now.Resets != run.Resets {
			return nil
		}
		return tx.Put(shareKey(run.ref(), step, partition), share)
	})
}

// deleteShares deletes the stored shares of a run.
func deleteShares(tx catalog.Tx, ref RunRef) error {
	var keys []string
	err := tx.List(sharePrefix(ref), func(key string, _ json.RawMessage) error {
		keys = append(keys, key)
		return nil
	})
	for _, key := range keys {
		if err == nil {
			err = tx.Delete(key)
		}
	}
	return err
}

// How keys are assigned to the partitions of a run. It is recorded with the run, so that all attempts agree.
const (
	splitByDuckDB = ""    // DuckDB's hash, which may differ between its versions: runs of older versions
	splitByMD5    = "md5" // of the key's values as text
)

// sameSplit reports whether two runs assign each key to the same partition number. With DuckDB's hash that is not certain.
func sameSplit(a, b *Run) bool {
	return a.Partitions == b.Partitions && a.Split == splitByMD5 && b.Split == splitByMD5
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
