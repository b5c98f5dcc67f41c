package reconcile

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"bursar/internal/artifact"
	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/fold"
)

// merge brings delta, state and what earlier runs have merged since together, writes the new artifacts as parts, and checks rule 4: the artifacts moved by exactly
// the batches' totals. The old totals are summed over the prefetched state by a query of their own, so that a row lost
// between state and result is seen.
func (e *Engine) merge(ctx context.Context, plan *fold.Plan, run *Run) (int64, error) {
	pending, err := e.pending(ctx, plan, run)
	if err != nil {
		return 0, err
	}
	defer pending.remove()
	delta := append(append([]column.Field{}, plan.Key...), plan.Delta...)
	session, err := e.views(ctx, map[string]string{"delta": e.tableSQL(run.Delta, delta), "state": e.stateSQL(plan, run, pending)})
	if err != nil {
		return 0, err
	}
	defer session.Close()

	moved := newMovement(plan)
	out := artifact.NewPartWriter(ctx, e.Objects, run.space(), run.Run)
	defer out.Abort()
	rows := int64(0)
	width := len(plan.Key) + len(plan.Record)
	err = session.Query(ctx, plan.Merge, func(chunk []column.Vector) error {
		if err := checkDigits(chunk); err != nil {
			return err
		}
		if aligned := &chunk[len(chunk)-1]; aligned.Null != nil || slices.Contains(aligned.Ints, 0) {
			return errors.New("bug: delta and state are not aligned by key")
		}
		moved.add(plan, chunk[:len(plan.Key)], chunk[len(plan.Key)], chunk[width:])
		for i := range chunk[0].Len() {
			if err := out.Write(chunk[:width], i); err != nil {
				return err
			}
		}
		rows += int64(chunk[0].Len())
		return nil
	})
	if err != nil {
		return 0, err
	}
	before := newMovement(plan)
	err = session.Query(ctx, plan.Old, func(chunk []column.Vector) error {
		before.add(plan, chunk[:len(plan.Key)], chunk[len(plan.Key)], chunk[len(plan.Key)+1:])
		return nil
	})
	if err != nil {
		return 0, err
	}
	if err := moved.check(before, run); err != nil {
		return 0, err
	}
	run.Parts, err = out.Finish()
	run.Created, run.Updated, run.Balanced = rows-before.rows, before.rows, true
	return rows, err
}

// movement sums events and conserved totals over artifacts.
type movement struct {
	rows   int64
	events int64
	totals []*column.Sums
	names  []string
}

func newMovement(plan *fold.Plan) *movement {
	m := &movement{}
	for _, c := range plan.Conserve {
		m.totals = append(m.totals, column.NewSums(c.Type.Scale))
		m.names = append(m.names, c.Total)
	}
	return m
}

func (m *movement) add(plan *fold.Plan, key []column.Vector, events column.Vector, totals []column.Vector) {
	m.rows += int64(events.Len())
	for _, n := range events.Ints {
		m.events += n
	}
	for i, c := range plan.Conserve {
		var by *column.Vector
		if c.Group >= 0 {
			by = &key[c.Group]
		}
		m.totals[i].Add(&totals[i], by, nil)
	}
}

// check compares what moved since before with the totals of the run's batches (rule 4).
func (m *movement) check(before *movement, run *Run) error {
	if got := m.events - before.events; got != run.Events {
		return &Breach{Step: "merge", Total: "events", Want: strconv.FormatInt(run.Events, 10), Got: strconv.FormatInt(got, 10)}
	}
	for i, name := range m.names {
		m.totals[i].Sub(before.totals[i])
		if err := compareTotals("merge", name, run.Totals[name], m.totals[i]); err != nil {
			return err
		}
	}
	return nil
}

// compareTotals holds sums against control totals, group by group; a group that is missing on one side is zero there.
func compareTotals(step, name string, want map[string]string, got *column.Sums) error {
	texts, err := got.Text()
	if err != nil {
		return err
	}
	zero := string(column.AppendDecimal(nil, column.Zero, got.Scale))
	groups := map[string]bool{}
	for g := range want {
		groups[g] = true
	}
	for g := range texts {
		groups[g] = true
	}
	for g := range groups {
		a, b := event.Rescale(want[g], got.Scale), texts[g]
		if want[g] == "" {
			a = zero
		}
		if b == "" {
			b = zero
		}
		if a != b {
			return &Breach{Step: step, Total: name, Group: g, Want: a, Got: b}
		}
	}
	return nil
}
