// The step merge: combines delta and state into new artifacts, and compares conserved totals (rule 4).

package step

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"

	"bursar/internal/artifact"
	"bursar/internal/column"
	"bursar/internal/decimal"
	"bursar/internal/event"
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
	pending, remove, err := e.pending(ctx, plan, run, partition)
	if err != nil {
		return share, err
	}
	defer remove()
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

// ArtifactTotals sums events and conserved totals over artifacts.
type ArtifactTotals struct {
	Artifacts int64
	events    int64
	totals    []*column.Sums
	names     []string
}

// NewArtifactTotals returns sums of 0 for the totals that the pipeline conserves.
func NewArtifactTotals(plan *fold.Plan) *ArtifactTotals {
	m := &ArtifactTotals{}
	for _, c := range plan.Conserve {
		m.totals = append(m.totals, column.NewSums(c.Type.Scale))
		m.names = append(m.names, c.Total)
	}
	return m
}

// Add adds artifacts: their keys, their numbers of events, and their conserved totals.
func (m *ArtifactTotals) Add(plan *fold.Plan, key []column.Vector, events column.Vector, totals []column.Vector) error {
	if err := column.CheckCount(totals, len(plan.Conserve)); err != nil {
		return err
	}
	m.Artifacts += int64(events.Len())
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

// Minus returns the difference between the sums and those of before. It changes the receiver.
func (m *ArtifactTotals) Minus(before *ArtifactTotals) (events int64, totals event.Totals, err error) {
	totals = event.Totals{}
	for i, name := range m.names {
		m.totals[i].Sub(before.totals[i])
		if totals[name], err = m.totals[i].Text(); err != nil {
			return 0, nil, err
		}
	}
	return m.events - before.events, totals, nil
}

// CompareMerged compares the change of the artifacts with what had to be folded into them (rule 4).
func CompareMerged(plan *fold.Plan, wantEvents int64, want event.Totals, events int64, totals event.Totals) error {
	if err := compareEvents(runs.StepMerge, wantEvents, events); err != nil {
		return err
	}
	return checkConserved(plan, want, totals)
}

func compareEvents(step runs.StepName, want, got int64) error {
	if got != want {
		return &Breach{Step: step, Total: "events", Want: strconv.FormatInt(want, 10), Got: strconv.FormatInt(got, 10)}
	}
	return nil
}

// CompareTotals compares sums with control totals, group by group; a group that is missing on one side is zero there.
func CompareTotals(step runs.StepName, total string, scale int, want, got map[string]string) error {
	zero := string(decimal.Append(nil, decimal.Int128{}, scale))
	groups := map[string]string{}
	maps.Copy(groups, want)
	maps.Copy(groups, got)
	for _, g := range slices.Sorted(maps.Keys(groups)) {
		a, b := decimal.Rescale(cmp.Or(want[g], zero), scale), cmp.Or(got[g], zero)
		if a != b {
			return &Breach{Step: step, Total: total, Group: g, Want: a, Got: b}
		}
	}
	return nil
}

// checkConserved compares the change of the artifacts' totals with the totals of the batches. A breach names the conserve entry:
// events that its expression omits breach again in each run.
func checkConserved(plan *fold.Plan, want, got event.Totals) error {
	for i, c := range plan.Conserve {
		err := CompareTotals(runs.StepMerge, c.Total, c.Type.Scale, want[c.Total], got[c.Total])
		if breach := (*Breach)(nil); errors.As(err, &breach) {
			breach.Remedy = remedy(plan, &plan.Pipeline.Conserve[i])
		}
		if err != nil {
			return err
		}
	}
	return nil
}
