// Control totals that do not balance and what to change so that they do, and what is recorded when a step fails.

package step

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/fold"
	"bursar/internal/project"
	"bursar/internal/reconcile/runs"
)

// Breach reports that control totals do not balance at a step (rule 4).
type Breach struct {
	failure.Unbalanced

	Step   runs.StepName
	Total  string // "events" or the name of a control total
	Group  string
	Want   string
	Got    string
	Remedy string // what to change in which file; empty if no declaration can be the cause
}

func (b *Breach) Error() string {
	name := b.Total
	if b.Group != "" {
		name += " of " + b.Group
	}
	text := fmt.Sprintf("control totals do not balance at %s: %s should move by %s, moves by %s; nothing of this run is visible", b.Step, name, b.Want, b.Got)
	if b.Remedy != "" {
		text += ": " + b.Remedy
	}
	return text
}

// PlainText leaves out amounts and the group, which is a column value, so that it may be written to histories (rule 7).
func (b *Breach) PlainText() string {
	return fmt.Sprintf("control totals do not balance at %s: total %s moves by another amount than it should; nothing of this run is visible", b.Step, b.Total)
}

// remedy describes how to fix a conserve entry that does not cover all events.
func remedy(plan *fold.Plan, c *project.Conserve) string {
	p := plan.Pipeline
	leaves := "it must count every event that the total sums: add what it leaves out"
	if unnamed := p.Unnamed(plan.Events.Streams); len(unnamed) > 0 {
		leaves = fmt.Sprintf("no fold names %s: add a fold for such events to the artifact and to this entry", strings.Join(unnamed, ", "))
	}
	return fmt.Sprintf("look at `conserve` in %s:%d, which says %s: %q; %s, then run `bursar rebuild %s`", p.File, c.Line, c.Total, c.Expr, leaves, p.Name)
}

// recordFailure stores with the run why its step failed, for `bursar status`. If the totals do not balance, or deltas, states or
// parts are damaged, the run's steps are discarded and the next attempt starts from the events: an earlier step may have
// produced what is wrong. If another attempt has done the step meanwhile nothing has failed: recordFailure returns what it recorded.
func (e *Executor) recordFailure(ctx context.Context, run *runs.Run, step runs.StepName, err error) (done runs.StepRecord, _ error) {
	if ctx.Err() != nil {
		return done, err
	}
	var derived *derivedError
	restart := failure.ExitCode(err) == failure.UnbalancedExit || errors.As(err, &derived)
	trouble := &runs.Trouble{Step: step, Class: failure.Of(err).String(), Message: err.Error(), At: e.Now().UTC()}
	if failing := (*FailingError)(nil); errors.As(err, &failing) {
		trouble.Key = failing.Key
	}
	reset, isDone := false, false // reset by this attempt; what another attempt has recorded stays
	keep := e.Catalog.Update(ctx, func(tx catalog.Tx) error {
		reset = false
		now, err := runs.GetOpen(tx, run.Ref())
		if err != nil {
			return err
		}
		if done, isDone = now.Steps[step]; isDone {
			return nil
		}
		if reset = restart && now.Resets == run.Resets; reset {
			now = now.Reset()
			if err := runs.DeleteShares(tx, run.Ref()); err != nil {
				return err
			}
		}
		now.Trouble = trouble
		return runs.Put(tx, &now)
	})
	if keep == nil && reset && !e.Shared { // another process may write the same objects again already
		keep = e.deleteObjects(ctx, run.StepObjects(step))
	}
	switch {
	case errors.Is(keep, runs.ErrReplaced):
		return done, keep
	case keep != nil:
		e.Log.Info("cannot record the failure of a step", "pipeline", run.Pipeline, "run", run.Run, "error", keep)
	case isDone:
		e.Log.Info("an attempt at a step that another one has done failed", "pipeline", run.Pipeline, "run", run.Run, "error", err)
		return done, nil
	}
	return done, err
}

// derivedError reports that an object made by an earlier step is damaged or missing. The run is reset and starts from the events.
type derivedError struct{ error }

func (e *derivedError) Unwrap() error { return e.error }

// Class is Transient: the next attempt makes the object again.
func (e *derivedError) Class() failure.Class { return failure.Transient }
