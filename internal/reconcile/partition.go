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

// Partitioned says whether a step is split by key. Publishing is one transaction.
func Partitioned(step string) bool { return step != "publish" }

// Partition does one partition's share of a step, and keeps it until Step finds all of them. A share that is kept, or whose
// step is recorded, is not done again; an attempt that comes late changes nothing (rule 5).
func (e *Engine) Partition(ctx context.Context, ref RunRef, step string, partition int) (StepResult, error) {
	plan, err := e.Plan(ctx, ref.Pipeline)
	if err != nil {
		return StepResult{}, err
	}
	run, err := e.ready(ctx, ref, step)
	if err != nil {
		return StepResult{}, err
	}
	if partition < 0 || partition >= run.Partitions || !Partitioned(step) {
		return StepResult{}, fmt.Errorf("bug: %s of run %d of %s has no partition %d", step, ref.Run, ref.Pipeline, partition)
	}
	if done, ok := run.Steps[step]; ok {
		return StepResult{Rows: done.Shares[partition].Rows}, nil
	}
	share, known, err := e.keptShare(ctx, &run, step, partition)
	if err != nil || known {
		return StepResult{Rows: share.Rows}, err
	}
	began := e.Now()
	if err = e.inTurn(ctx, plan, &run, step); err == nil {
		share, err = e.share(ctx, plan, &run, step, partition)
	}
	if err != nil {
		return StepResult{}, e.failed(ctx, &run, step, fmt.Errorf("%s of run %d of %s, partition %d: %w", step, ref.Run, ref.Pipeline, partition, err))
	}
	share.Seconds = e.Now().Sub(began).Seconds()
	if err := e.keepShare(ctx, &run, step, partition, share); err != nil {
		return StepResult{}, fmt.Errorf("record %s of run %d of %s, partition %d: %w", step, ref.Run, ref.Pipeline, partition, err)
	}
	return StepResult{Rows: share.Rows, Seconds: share.Seconds}, nil
}

// shares are all partitions' shares of a step: those that are kept, and the others done now.
func (e *Engine) shares(ctx context.Context, plan *fold.Plan, run *Run, step string) ([]Share, error) {
	shares := make([]Share, run.Partitions)
	for p := range shares {
		share, known, err := e.keptShare(ctx, run, step, p)
		if err == nil && !known {
			share, err = e.share(ctx, plan, run, step, p)
		}
		if err != nil {
			return nil, err
		}
		shares[p] = share
	}
	return shares, nil
}

func (e *Engine) share(ctx context.Context, plan *fold.Plan, run *Run, step string, partition int) (share Share, err error) {
	switch step {
	case "reduce":
		share, err = e.reduce(ctx, plan, run, partition)
	case "prefetch":
		share, err = e.prefetch(ctx, plan, run, partition)
	case "merge":
		share, err = e.merge(ctx, plan, run, partition)
	case "index":
		share, err = e.index(ctx, plan, run, partition)
		if errors.Is(err, artifact.ErrCorrupt) || errors.Is(err, fs.ErrNotExist) {
			err = &derivedError{fmt.Errorf("%w; the run starts again from the events", err)}
		}
	default:
		err = fmt.Errorf("bug: no step %q", step)
	}
	share.Resets = run.Resets
	if run.AsOf != nil {
		share.AsOf = *run.AsOf
	}
	return share, err
}

// wants reports whether a kept share is of this attempt at the run, and of the state that its prefetch is of.
func (r *Run) wants(step string, share *Share) bool {
	sameState := step == "reduce" || r.AsOf != nil && share.AsOf == *r.AsOf
	return share.Resets == r.Resets && sameState
}

// keptShare finds a partition's share that was done already.
func (e *Engine) keptShare(ctx context.Context, run *Run, step string, partition int) (share Share, known bool, err error) {
	err = e.Catalog.View(ctx, func(tx catalog.Tx) error {
		share = Share{}
		known, err = tx.Get(shareKey(run.ref(), step, partition), &share)
		return err
	})
	if known && !run.wants(step, &share) {
		return Share{}, false, err
	}
	return share, known, err
}

// keepShare records a share, unless the step is no longer waiting for it, or for another attempt at the whole run.
func (e *Engine) keepShare(ctx context.Context, run *Run, step string, partition int, share Share) error {
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

// forgetShares removes the shares that are kept for a run.
func forgetShares(tx catalog.Tx, ref RunRef) error {
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

// How keys are spread over the partitions of a run. The run says which, so that all attempts at it agree.
const (
	splitByDuckDB = ""    // DuckDB's hash, which may differ between its versions: runs of earlier programs
	splitByMD5    = "md5" // of the key's values as text
)

// splitAlike reports whether two runs have each key in the partition of the same number. DuckDB's hash may be another one for
// each of them.
func splitAlike(a, b *Run) bool {
	return a.Partitions == b.Partitions && a.Split == splitByMD5 && b.Split == splitByMD5
}

// partitionSQL keeps the events of one of a run's partitions.
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
