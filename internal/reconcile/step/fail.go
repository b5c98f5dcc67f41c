// What is recorded when a step fails, and when a run is reset to start from the events.

package step

import (
	"context"
	"errors"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/reconcile/runs"
)

// recordFailure stores with the run why its step failed, for `bursar status`. If the totals do not balance, or deltas, states or
// parts are damaged, the run's steps are discarded and the next attempt starts from the events: an earlier step may have
// produced what is wrong.
func (e *Executor) recordFailure(ctx context.Context, run *runs.Run, step runs.StepName, err error) error {
	if ctx.Err() != nil {
		return err
	}
	var derived *derivedError
	restart := failure.ExitCode(err) == breachExit || errors.As(err, &derived)
	trouble := &runs.Trouble{Step: step, Class: failure.Of(err).String(), Message: err.Error(), At: e.Now().UTC()}
	if failing := (*FailingError)(nil); errors.As(err, &failing) {
		trouble.Key = failing.Key
	}
	reset := false // by this attempt; what another attempt has recorded stays
	keep := e.Catalog.Update(ctx, func(tx catalog.Tx) error {
		reset = false
		now, err := runs.Get(tx, run.Ref())
		if err != nil {
			return err
		}
		if _, done := now.Steps[step]; done { // by another attempt
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
	if keep == nil && reset {
		keep = e.deleteObjects(ctx, run.StepObjects(step))
	}
	if keep != nil {
		e.Log.Info("cannot record the failure of a step", "pipeline", run.Pipeline, "run", run.Run, "error", keep)
	}
	return err
}

// derivedError reports that an object made by an earlier step is damaged or missing. The run is reset and starts from the events.
type derivedError struct{ error }

func (e *derivedError) Unwrap() error { return e.error }

// Class is Transient: the next attempt makes the object again.
func (e *derivedError) Class() failure.Class { return failure.Transient }
