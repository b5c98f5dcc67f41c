// The step merge: combines delta and state into new artifacts, and checks conserved totals.

package reconcile

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"

	"bursar/internal/artifact"
	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/fold"
)

// merge combines a partition's delta, its prefetched state, and what earlier runs have merged since. It writes the new artifacts
// as parts and returns by how much totals changed: over all partitions exactly the totals of the batches (rule 4). The totals
// before are summed by a separate query over the state, so that a row lost between state and result is detected.
func (e *Engine) merge(ctx context.Context, plan *fold.Plan, run *Run, partition int) (share Share, err error) {
	if err := e.checkDerived(ctx, run, partition, StepReduce, StepPrefetch); err != nil {
		return share, err
	}
	pending, err := e.pending(ctx, plan, run, partition)
	if err != nil {
		return share, err
	}
	defer pending.remove()
	delta, state := e.deltaSQL(plan, run, partition), e.stateSQL(plan, run.objects(StepPrefetch, partition), pending)
	session, err := e.openViews(ctx, map[string]string{"delta": delta, "state": state})
	if err != nil {
		return share, err
	}
	defer session.Close()

	after := newArtifactTotals(plan)
	out := artifact.NewPartWriter(ctx, e.Objects, run.space(), run.Run, partition)
	defer out.Abort()
	width := len(plan.Key) + len(plan.Record)
	rows := run.Steps[StepReduce].Shares[partition].Rows
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
		if err := after.add(plan, chunk[:len(plan.Key)], chunk[len(plan.Key)], chunk[width:len(chunk)-1]); err != nil {
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
		return share, e.failingArtifact(ctx, plan, [2]string{delta, state}, rows, err)
	}
	before := newArtifactTotals(plan)
	err = session.QueryEstimated(ctx, rows, plan.StateTotals, func(chunk []column.Vector) error {
		return before.add(plan, chunk[:len(plan.Key)], chunk[len(plan.Key)], chunk[len(plan.Key)+1:])
	})
	if err != nil {
		return share, err
	}
	share.Created = share.Rows - before.artifacts
	if share.Events, share.Totals, err = after.minus(before); err != nil {
		return share, err
	}
	share.Objects, err = out.Finish()
	return share, err
}

// artifactTotals sums events and conserved totals over artifacts.
type artifactTotals struct {
	artifacts int64
	events    int64
	totals    []*column.Sums
	names     []string
}

func newArtifactTotals(plan *fold.Plan) *artifactTotals {
	m := &artifactTotals{}
	for _, c := range plan.Conserve {
		m.totals = append(m.totals, column.NewSums(c.Type.Scale))
		m.names = append(m.names, c.Total)
	}
	return m
}

func (m *artifactTotals) add(plan *fold.Plan, key []column.Vector, events column.Vector, totals []column.Vector) error {
	if err := column.CheckCount(totals, len(plan.Conserve)); err != nil {
		return err
	}
	m.artifacts += int64(events.Len())
	for _, n := range events.Ints {
		m.events += n
	}
	for i, c := range plan.Conserve {
		var groups *column.Vector
		if c.Group >= 0 {
			groups = &key[c.Group]
		}
		m.totals[i].Add(&totals[i], groups, nil)
	}
	return nil
}

// minus returns the difference between the sums and those of before. It changes the receiver.
func (m *artifactTotals) minus(before *artifactTotals) (events int64, totals event.Totals, err error) {
	totals = event.Totals{}
	for i, name := range m.names {
		m.totals[i].Sub(before.totals[i])
		if totals[name], err = m.totals[i].Text(); err != nil {
			return 0, nil, err
		}
	}
	return m.events - before.events, totals, nil
}

// checkMergeTotals compares the change of the artifacts with what had to be folded into them (rule 4).
func checkMergeTotals(plan *fold.Plan, wantEvents int64, want event.Totals, events int64, totals event.Totals) error {
	if err := compareEvents(StepMerge, wantEvents, events); err != nil {
		return err
	}
	return checkConserved(plan, want, totals)
}

func compareEvents(step StepName, want, got int64) error {
	if got != want {
		return &Breach{Step: step, Total: "events", Want: strconv.FormatInt(want, 10), Got: strconv.FormatInt(got, 10)}
	}
	return nil
}

// compareTotals compares sums with control totals, group by group; a group that is missing on one side is zero there.
func compareTotals(step StepName, total string, scale int, want, got map[string]string) error {
	zero := string(column.AppendDecimal(nil, column.Int128{}, scale))
	groups := map[string]bool{}
	for g := range want {
		groups[g] = true
	}
	for g := range got {
		groups[g] = true
	}
	for _, g := range slices.Sorted(maps.Keys(groups)) {
		a, b := column.Rescale(cmp.Or(want[g], zero), scale), cmp.Or(got[g], zero)
		if a != b {
			return &Breach{Step: step, Total: total, Group: g, Want: a, Got: b}
		}
	}
	return nil
}
