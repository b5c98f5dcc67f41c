// What commands handle of the rooms below: they import app, and app names it for them.

package app

import (
	"context"

	"bursar/internal/aggregate"
	"bursar/internal/event"
	"bursar/internal/event/scan"
	"bursar/internal/event/spool"
	"bursar/internal/reconcile"
)

type (
	// IngestOptions are the options of one Ingest.
	IngestOptions = event.Options
	// IngestResult counts what one Ingest took in.
	IngestResult = event.Result
	// RetractOptions say what is retracted and why.
	RetractOptions = event.RetractOptions
	// Retraction is what a call of Retract has left out of every view, or counted again.
	Retraction = event.Retracted
	// LeftOut is what is left out of every view, since when and why.
	LeftOut = event.Retraction
	// RetractedFile is a statement file that is retracted, or is not any more.
	RetractedFile = aggregate.RetractedFile
	// UnfinishedError says that the retraction of a statement file was cut short.
	UnfinishedError = aggregate.UnfinishedError
	// Totals are control totals by name and group.
	Totals = event.Totals
	// Rejected is one row in quarantine.
	Rejected = event.Rejected
	// AcceptOptions say which row in quarantine is accepted and why.
	AcceptOptions = event.AcceptOptions
	// DismissOptions say which row in quarantine is dismissed and why.
	DismissOptions = event.DismissOptions
	// Dismissal says that a row in quarantine counts as resolved, since when and why.
	Dismissal = event.Dismissal
	// GiveUp names what of a stream is lost and to be done without.
	GiveUp = event.GiveUp
	// GivenUp is what was lost and given up, since when and why.
	GivenUp = event.GivenUp
	// Dismissed is what a call of Dismiss has dismissed, or taken back.
	Dismissed = event.Dismissed
	// InQuarantine is how many rows of a stream are in quarantine.
	InQuarantine = event.QuarantineCount
	// RowPlace names a row within its stream.
	RowPlace = event.Place
	// Difference is a column of a conflict.
	Difference = event.Difference
	// Compared is a row in quarantine beside the event that was accepted with its id.
	Compared = event.Compared
	// Run is one run of a pipeline.
	Run = reconcile.Run
	// Given counts the events that gave each fold a value.
	Given = reconcile.FoldCounts
	// Rebuilt is what a rebuild of a pipeline came to.
	Rebuilt = reconcile.Rebuilt
	// Status is where a pipeline stands.
	Status = reconcile.Status
	// Answer is one artifact as of a run.
	Answer = reconcile.GetResult
	// Traced is an artifact and the runs that made it what it is.
	Traced = reconcile.Traced
	// TracedEvent is one event of an artifact.
	TracedEvent = reconcile.TracedEvent
	// Unkeyed is what events without a key come to, by stream.
	Unkeyed = reconcile.Unkeyed
	// UnkeyedEvent is one event without a key.
	UnkeyedEvent = reconcile.UnkeyedEvent
	// UnkeyedError is what a listing returns that finds other events without a key than were counted.
	UnkeyedError = reconcile.UnkeyedError
	// UntracedError is what a trace returns that finds other events than were folded.
	UntracedError = reconcile.UntracedError
	// Exported says what an export wrote.
	Exported = reconcile.Exported
	// Exception is one open item.
	Exception = reconcile.Exception
	// VerifyOptions of one verification.
	VerifyOptions = reconcile.VerifyOptions
	// Verified is the outcome of verifying a pipeline.
	Verified = reconcile.Verified
	// Loss says that acknowledged requests may have been lost with a damaged spool.
	Loss = spool.Loss
	// ImportOptions are the options of one Import.
	ImportOptions = aggregate.Options
	// Imported is what became of one Import.
	Imported = aggregate.Result
	// CompletenessQuery says what is asked of the accounts' record.
	CompletenessQuery = aggregate.Query
	// Interval is what is known of an account from one day to another.
	Interval = aggregate.Interval
	// Account is the record of one account.
	Account = aggregate.Account
	// Acceptance is a person's word that an interval is known not to be proven.
	Acceptance = aggregate.Acceptance
	// NotFoundError is what asking for an unknown name or key returns.
	NotFoundError = reconcile.NotFoundError
)

// The states of an account's interval.
const (
	Proven  = aggregate.Proven
	Claimed = aggregate.Claimed
	Unknown = aggregate.Unknown
	Broken  = aggregate.Broken
)

// ErrTooManyRejected is what Ingest returns, wrapped, beyond IngestOptions.MaxRejected.
var ErrTooManyRejected = event.ErrTooManyRejected

// Steps are the names of a run's steps, in order.
func Steps() []string { return append([]string(nil), reconcile.StepNames...) }

// InputSize is the size of a file that is to be taken in, in bytes. What is no regular file is an error of class Data.
func InputSize(path string) (int64, error) {
	info, err := scan.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Compare is event.Intake.Compare.
func (a *App) Compare(ctx context.Context, stream string, rows []Rejected) ([]Compared, error) {
	s := a.Project.Stream(stream)
	if s == nil {
		return nil, &NotFoundError{What: "stream " + stream}
	}
	return a.Intake.Compare(ctx, s, rows)
}

// ParseRow reads how quarantine names a row.
func ParseRow(text string) (RowPlace, bool) { return event.ParsePlace(text) }

// Quarantine calls each for every row of a stream that is in quarantine now, batch by batch, also if it is dismissed. An error of each ends the
// walk and is returned.
func (a *App) Quarantine(ctx context.Context, stream string, each func(Rejected) error) error {
	if a.Project.Stream(stream) == nil {
		return &NotFoundError{What: "stream " + stream}
	}
	return aggregate.Quarantine(ctx, a.Intake.Catalog, a.Intake.Objects, stream, each)
}
