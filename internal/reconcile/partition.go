package reconcile

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

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
	run, err := e.run(ctx, ref)
	if err != nil {
		return StepResult{}, err
	}
	if partition < 0 || partition >= run.Partitions || !Partitioned(step) {
		return StepResult{}, fmt.Errorf("bug: %s of run %d of %s has no partition %d", step, ref.Run, ref.Pipeline, partition)
	}
	if done, ok := run.Steps[step]; ok {
		return StepResult{Rows: done.Shares[partition].Rows}, nil
	}
	share, known, err := e.keptShare(ctx, ref, step, partition)
	if err != nil || known {
		return StepResult{Rows: share.Rows}, err
	}
	began := e.Now()
	if err = e.inTurn(ctx, &run, step); err == nil {
		share, err = e.share(ctx, plan, &run, step, partition)
	}
	if err != nil {
		return StepResult{}, e.failed(ctx, &run, step, fmt.Errorf("%s of run %d of %s, partition %d: %w", step, ref.Run, ref.Pipeline, partition, err))
	}
	if err := e.keepShare(ctx, ref, step, partition, share); err != nil {
		return StepResult{}, fmt.Errorf("record %s of run %d of %s, partition %d: %w", step, ref.Run, ref.Pipeline, partition, err)
	}
	return StepResult{Rows: share.Rows, Seconds: e.Now().Sub(began).Seconds()}, nil
}

// shares are all partitions' shares of a step: those that are kept, and the others done now.
func (e *Engine) shares(ctx context.Context, plan *fold.Plan, run *Run, step string) ([]Share, error) {
	shares := make([]Share, run.Partitions)
	for p := range shares {
		known := false
		var err error
		if run.Partitions > 1 {
			shares[p], known, err = e.keptShare(ctx, run.ref(), step, p)
		}
		if err == nil && !known {
			shares[p], err = e.share(ctx, plan, run, step, p)
		}
		if err != nil {
			return nil, err
		}
	}
	return shares, nil
}

func (e *Engine) share(ctx context.Context, plan *fold.Plan, run *Run, step string, partition int) (Share, error) {
	switch step {
	case "reduce":
		return e.reduce(ctx, plan, run, partition)
	case "prefetch":
		return e.prefetch(ctx, plan, run, partition)
	case "merge":
		return e.merge(ctx, plan, run, partition)
	case "index":
		return e.index(ctx, plan, run, partition)
	}
	return Share{}, fmt.Errorf("bug: no step %q", step)
}

func (e *Engine) keptShare(ctx context.Context, ref RunRef, step string, partition int) (share Share, known bool, err error) {
	err = e.Catalog.View(ctx, func(tx catalog.Tx) error {
		known, err = tx.Get(shareKey(ref, step, partition), &share)
		return err
	})
	return share, known, err
}

// keepShare records a share, unless the step is no longer waiting for it.
func (e *Engine) keepShare(ctx context.Context, ref RunRef, step string, partition int, share Share) error {
	return e.Catalog.Update(ctx, func(tx catalog.Tx) error {
		run, err := getRun(tx, ref)
		if err != nil {
			return err
		}
		if _, done := run.Steps[step]; done {
			return nil
		}
		return tx.Put(shareKey(ref, step, partition), share)
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

// partitionSQL keeps the events of one of so many partitions. Which one a key is in may depend on the version of DuckDB: what
// partitions of different versions make of a run does not balance, and is made again (rule 4).
func partitionSQL(events string, key []project.KeyColumn, partition, partitions int) string {
	if partitions == 1 {
		return events
	}
	names := make([]string, len(key))
	for i, k := range key {
		names[i] = column.QuoteIdentifier(k.Event)
	}
	return fmt.Sprintf("SELECT * FROM (%s) WHERE hash(%s) %% %d = %d", events, strings.Join(names, ", "), partitions, partition)
}
