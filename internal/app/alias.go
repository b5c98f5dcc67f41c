// What commands handle of the rooms below: they import app, and app names it for them.

package app

import (
	"context"

	"bursar/internal/event"
	"bursar/internal/reconcile"
)

// The types of what commands ask for and print.
type (
	IngestOptions = event.Options
	IngestResult  = event.Result
	Totals        = event.Totals
	Rejected      = event.Rejected

	Run           = reconcile.Run
	Status        = reconcile.Status
	Answer        = reconcile.Answer
	Exported      = reconcile.Exported
	Exception     = reconcile.Exception
	Verified      = reconcile.Verified
	NotFoundError = reconcile.NotFoundError
)

// ErrTooManyRejected is what Ingest returns, wrapped, beyond IngestOptions.MaxRejected.
var ErrTooManyRejected = event.ErrTooManyRejected

// Steps are the names of a run's steps, in order.
func Steps() []string { return append([]string(nil), reconcile.StepNames...) }

// Quarantine calls each for every row of a stream that is in quarantine now, batch by batch. An error of each ends the
// walk and is returned.
func (a *App) Quarantine(ctx context.Context, stream string, each func(Rejected) error) error {
	if a.Project.Stream(stream) == nil {
		return &NotFoundError{What: "stream " + stream}
	}
	return event.Quarantine(ctx, a.Intake.Catalog, a.Intake.Objects, stream, each)
}
