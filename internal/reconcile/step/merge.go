// The step merge: combines delta and state into new artifacts, and checks conserved totals.

package step

import (
	"context"
	"errors"
	"slices"

	"bursar/internal/artifact"
	"bursar/internal/column"
	"bursar/internal/fold"
	"bursar/internal/reconcile/runs"
)

// merge combines a partition's delta, its prefetched state, and what earlier runs have merged since. It writes the new artifacts
// as parts and returns by how much totals changed: over all partitions exactly the totals of the batches (rule 4). The totals
// before are summed by a separate query over the state, so that a row lost between state and result is detected.
func (e *Executor) merge(ctx context.Context, plan *fold.Plan, run *runs.Run, partition int) (share runs.Share, err error) {
	if err := e.checkDerived(ctx, run, partition, runs.StepReduce, runs.StepPrefetch); err != nil {
		return share, err
	}
	pending, err := e.pending(ctx, plan, run, partition)
	if err != nil {
		return share, err
	}
	defer pending.remove()
	files := e.Objects.Files()
	defer files.Release()
	delta, state := deltaSQL(files, plan, run, partition), e.stateSQL(files, plan, run.Objects(runs.StepPrefetch, partition), pending)
	session, err := e.OpenViews(ctx, files, map[string]string{"delta": delta, "state": state})
	if err != nil {
		return share, err
	}
	defer session.Close()

	after := NewArtifactTotals(plan)
	out := artifact.NewPartWriter(ctx, e.Objects, run.Space(), run.Run, partition)
	defer out.Abort()
	width := len(plan.Key) + len(plan.Record)
	rows := run.Steps[runs.StepReduce].Shares[partition].Rows
	err = session.QueryEstimated(ctx, rows, plan.Merge, func(chunk []column.Vector) error {
		if err := column.CheckCount(chunk, width+len(plan.Conserve)+1); err != nil {
			return err
		}
		if err := checkDigits(chunk); err != nil {
			return err
		}
		if aligned := &chunk[len(chunk)-1]; aligned.Null != nil || slices.Contains(aligned.Ints, 0) {
			return errors.New("bug: delta and state are not aligned by key")
		}
		if err := after.Add(plan, chunk[:len(plan.Key)], chunk[len(plan.Key)], chunk[width:len(chunk)-1]); err != nil {
			return err
		}
		for i := range chunk[0].Len() {
			if err := out.Write(chunk[:width], i); err != nil {
				return err
			}
		}
		share.Rows += int64(chunk[0].Len())
		return nil
	})
	if err != nil {
		return share, e.failingArtifact(ctx, files, plan, [2]string{delta, state}, rows, err)
	}
	before := NewArtifactTotals(plan)
	err = session.QueryEstimated(ctx, rows, plan.StateTotals, func(chunk []column.Vector) error {
		return before.Add(plan, chunk[:len(plan.Key)], chunk[len(plan.Key)], chunk[len(plan.Key)+1:])
	})
	if err != nil {
		return share, err
	}
	share.Created = share.Rows - before.Artifacts
	if share.Events, share.Totals, err = after.Minus(before); err != nil {
		return share, err
	}
	share.Objects, err = out.Finish()
	return share, err
}
